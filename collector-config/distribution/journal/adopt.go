package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

const (
	// importing is no queue's name: those begin with a kind of component and an underscore.
	importing    = "importing"
	importedName = "imported"
	importPart   = 1 << 20
	importWait   = time.Second
)

// adopt takes over what a file_storage kept under the same name, and removes its file. The copy is made beside and
// becomes the queue's folder in one step, so a kill in between begins anew and loses nothing. A file without items
// is removed.
//
// It returns an error, and changes nothing, if the file cannot be read or if the queue has items of its own.
func (j *journal) adopt(name string) error {
	source := filepath.Join(j.config.ImportDirectory, name)
	status, err := os.Stat(source)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil || !status.Mode().IsRegular() {
		return errors.Join(err, fmt.Errorf("import_directory: %s is not a file that can be read", source))
	}
	target, beside := filepath.Join(j.config.Directory, name), filepath.Join(j.config.Directory, importing)
	identity := fmt.Sprintf("%d %d", status.Size(), status.ModTime().UnixNano())
	if said, err := os.ReadFile(filepath.Join(target, importedName)); err == nil && string(said) == identity {
		return j.leave(source)
	}
	items, err := j.copy(source, name, identity)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return fmt.Errorf("import_directory: %s is in use by another Collector; stop that one", source)
	}
	if err != nil {
		return fmt.Errorf("import_directory: %s cannot be taken over; if it is broken, move it away: %w", source, err)
	}
	if items > 0 {
		if err := j.replace(source, name); err != nil {
			return err
		}
	}
	j.log.Info("took over what a file_storage kept", zap.String("file", source), zap.Int("items", items))
	return errors.Join(os.RemoveAll(beside), j.leave(source))
}

// leave removes the file that is taken over.
func (j *journal) leave(source string) error {
	return errors.Join(os.Remove(source), syncFolder(j.config.ImportDirectory))
}

// replace puts the copy in the place of a queue that has no items.
func (j *journal) replace(source, name string) error {
	target := filepath.Join(j.config.Directory, name)
	own, err := j.count(name)
	if err != nil {
		return err
	}
	if own > 0 {
		return fmt.Errorf("both %s and %s hold items of one queue: start once without import_directory until the "+
			"queue is empty, or move one of them away", source, target)
	}
	return errors.Join(os.RemoveAll(target), os.Rename(filepath.Join(j.config.Directory, importing), target), syncFolder(j.config.Directory))
}

// count returns how many items the queue's own folder holds.
func (j *journal) count(name string) (int, error) {
	path := filepath.Join(j.config.Directory, name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	opened, err := open(folder(path), j.settings(name), func() {})
	if err != nil {
		return 0, err
	}
	items := len(opened.index)
	if _, ok := opened.index[queueIndex]; ok {
		items--
	}
	return items, opened.Close(context.Background())
}

// copy makes a journal of a file of file_storage, beside the queue's folder, and returns how many items it has.
func (j *journal) copy(source, name, identity string) (items int, err error) {
	// bbolt does not return an error for every broken page: it panics, or reads behind the end of the file.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("%v", broken)
		}
	}()
	old, err := bbolt.Open(source, 0o600, &bbolt.Options{ReadOnly: true, Timeout: importWait})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	beside := filepath.Join(j.config.Directory, importing)
	if err := errors.Join(os.RemoveAll(beside), os.MkdirAll(beside, 0o700)); err != nil {
		return 0, err
	}
	with := j.settings(name)
	with.maxSize, with.fsync = 0, true
	made, err := open(folder(beside), with, func() {})
	if err != nil {
		return 0, err
	}
	err = old.View(func(tx *bbolt.Tx) error {
		items, err = pour(tx.Bucket([]byte("default")), made)
		return err
	})
	if err := errors.Join(err, made.Close(context.Background())); err != nil {
		return 0, err
	}
	return items, errors.Join(writeSynced(filepath.Join(beside, importedName), identity), syncFolder(beside))
}

// pour stores everything that is in the bucket; it returns how many items that were, without the queue's own index.
func pour(from *bbolt.Bucket, into *client) (items int, err error) {
	if from == nil {
		return 0, nil
	}
	var part []*storage.Operation
	size := 0
	flush := func() error {
		err := into.Batch(context.Background(), part...)
		part, size = nil, 0
		return err
	}
	err = from.ForEach(func(key, value []byte) error {
		part = append(part, storage.SetOperation(string(key), value))
		size += len(value)
		if !isIndex(string(key)) {
			items++
		}
		if size < importPart {
			return nil
		}
		return flush()
	})
	return items, errors.Join(err, flush())
}

// isIndex tells keys that the queue keeps beside its items: those of today, and of Collectors before 0.130.
func isIndex(key string) bool {
	return key == queueIndex || key == "ri" || key == "wi" || key == "di"
}

func writeSynced(path, text string) error {
	made, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = made.WriteString(text)
	return errors.Join(err, made.Sync(), made.Close())
}
