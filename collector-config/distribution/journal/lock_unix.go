//go:build unix

package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lock makes the folder this process's own until the returned file is closed, or the process ends.
func lock(directory string) (*os.File, error) {
	path := filepath.Join(directory, "lock")
	held, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("directory %s cannot be written: %w", directory, err)
	}
	err = syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return held, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("directory %s is in use by another Collector; stop that one, or give this one a folder of "+
			"its own", directory)
	}
	return nil, errors.Join(err, held.Close())
}
