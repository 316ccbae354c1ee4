// Package journal is the Collector's extension journal_storage: it keeps the queues of exporters in append-only files,
// where file_storage keeps them in a B+ tree whose pages it writes anew for every request.
//
// Each queue has a folder of its own below `directory`, with segments of `segment_size`. What a client promises is
// said at the type client; what a file looks like, in record.go.
package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// longestName is what file systems take.
const longestName = 255

type journal struct {
	config *Config
	log    *zap.Logger
	// quiet ends the metrics.
	quiet func() error

	mu      sync.Mutex
	lock    *os.File
	clients map[string]*client
}

var _ storage.Extension = (*journal)(nil)

// NewFactory returns the factory of journal_storage.
func NewFactory() extension.Factory {
	return extension.NewFactory(component.MustNewType("journal_storage"), defaults, create,
		component.StabilityLevelBeta)
}

func defaults() component.Config {
	return &Config{FSync: true, SegmentSize: defaultSegment}
}

func create(_ context.Context, set extension.Settings, config component.Config) (extension.Extension, error) {
	made := &journal{config: config.(*Config), log: set.Logger, clients: map[string]*client{}}
	var err error
	made.quiet, err = made.observe(set.MeterProvider)
	return made, err
}

// Start makes the directory this process's own.
//
// It returns an error that names the directory, and what to do, if it cannot.
func (j *journal) Start(context.Context, component.Host) error {
	if j.config.CreateDirectory {
		if err := makeFolder(j.config.Directory); err != nil {
			return fmt.Errorf("directory: %w", err)
		}
	}
	held, err := lock(j.config.Directory)
	j.lock = held
	return err
}

// Shutdown gives the directory free. The queues have closed their clients before.
func (j *journal) Shutdown(context.Context) error {
	err := j.quiet()
	if j.lock == nil {
		return err
	}
	held := j.lock
	j.lock = nil
	return errors.Join(err, held.Close())
}

// GetClient opens the queue's folder and takes over what a file_storage kept under the same name.
//
// It returns an error if the folder cannot be used, if both places hold items, or if the queue is open already.
func (j *journal) GetClient(_ context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	folderName := queueName(kind, id, name)
	if _, taken := j.clients[folderName]; taken {
		return nil, fmt.Errorf("the queue %s is open already", folderName)
	}
	path := filepath.Join(j.config.Directory, folderName)
	if j.config.ImportDirectory != "" {
		if err := j.adopt(folderName); err != nil {
			return nil, err
		}
	}
	if err := makeFolder(path); err != nil {
		return nil, err
	}
	opened, err := open(folder(path), j.settings(folderName), func() { j.forget(folderName) })
	if err != nil {
		return nil, err
	}
	j.clients[folderName] = opened
	return opened, nil
}

func (j *journal) settings(name string) settings {
	return settings{
		name:    name,
		segment: j.config.segment(),
		maxSize: j.config.MaxSize,
		fsync:   j.config.FSync,
		log:     j.log,
	}
}

func (j *journal) forget(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.clients, name)
}

// queueName returns the name that file_storage gives the same queue's file; one that is too long, its hash.
func queueName(kind component.Kind, id component.ID, name string) string {
	raw := strings.ToLower(kind.String()) + "_" + id.Type().String() + "_" + id.Name()
	if name != "" {
		raw += "_" + name
	}
	var safe strings.Builder
	for _, character := range raw {
		if isSafe(character) {
			safe.WriteRune(character)
		} else {
			fmt.Fprintf(&safe, "~%04X", character)
		}
	}
	if safe.Len() <= longestName {
		return safe.String()
	}
	sum := sha256.Sum256([]byte(safe.String()))
	return hex.EncodeToString(sum[:])
}

func isSafe(character rune) bool {
	return character >= 'a' && character <= 'z' || character >= 'A' && character <= 'Z' ||
		character >= '0' && character <= '9' || character == '.' || character == '-' || character == '_'
}
