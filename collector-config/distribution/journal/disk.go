package journal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// file is what a segment needs of a file. Sync returns when all that was written is on the medium, also its length.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// disk is one folder with the files of one client.
type disk interface {
	// List returns the names of the files.
	List() ([]string, error)
	// Open opens an existing file and returns its size.
	Open(name string) (file, int64, error)
	// Create makes a new file; it fails if the name is taken.
	Create(name string) (file, error)
	Remove(name string) error
	// Link gives a file a second name, which stays when the first is removed.
	Link(name, second string) error
	// Sync returns when names that were created and removed are on the medium.
	Sync() error
}

type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

func (f folder) List() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, err
}

func (f folder) Open(name string) (file, int64, error) {
	opened, err := os.OpenFile(f.path(name), os.O_RDWR, 0)
	if err != nil {
		return nil, 0, err
	}
	status, err := opened.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, opened.Close())
	}
	return osFile{opened}, status.Size(), nil
}

func (f folder) Create(name string) (file, error) {
	created, err := os.OpenFile(f.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{created}, nil
}

func (f folder) Remove(name string) error { return os.Remove(f.path(name)) }

func (f folder) Link(name, second string) error { return os.Link(f.path(name), f.path(second)) }

func (f folder) Sync() error { return syncFolder(string(f)) }

// makeFolder makes a folder and those above it, for their owner only, and returns when their names are on the medium.
func makeFolder(path string) error {
	var above []string
	for each := filepath.Clean(path); ; each = filepath.Dir(each) {
		if _, err := os.Stat(each); !errors.Is(err, os.ErrNotExist) {
			break
		}
		above = append(above, filepath.Dir(each))
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for _, each := range above {
		if err := syncFolder(each); err != nil {
			return err
		}
	}
	return nil
}

func syncFolder(path string) error {
	opened, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}

type osFile struct{ *os.File }

func (f osFile) Sync() error { return syncData(f.File) }
