package journal

import (
	"errors"
	"os"
	"syscall"
)

// syncData leaves out the file's times, which nobody needs, and spares their place in the file system's journal.
func syncData(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(descriptor uintptr) {
		for failed = syscall.EINTR; errors.Is(failed, syscall.EINTR); {
			failed = syscall.Fdatasync(int(descriptor))
		}
	})
	return errors.Join(err, failed)
}
