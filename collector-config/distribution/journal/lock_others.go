//go:build !unix

package journal

import (
	"errors"
	"os"
)

func lock(string) (*os.File, error) {
	return nil, errors.New("journal_storage needs the file locks of a Unix system; use file_storage here")
}
