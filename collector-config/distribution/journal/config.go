package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	defaultSegment = 16 << 20
	leastSegment   = 64 << 10
	mostSegment    = 1 << 30
	leastMaxSize   = 1 << 20
	// segmentShare: a segment is at most this part of max_size, so that there is something to give back.
	segmentShare = 8
)

// Config is what journal_storage takes. Sizes are bytes.
type Config struct {
	// Directory holds one folder per queue. One process at a time may use it.
	Directory string `mapstructure:"directory"`
	// CreateDirectory makes the directory, for its owner only, where it does not exist.
	CreateDirectory bool `mapstructure:"create_directory"`
	// FSync: what is acknowledged survives a power cut, not only the process.
	FSync bool `mapstructure:"fsync"`
	// MaxSize bounds the files of each queue; 0 is no limit.
	MaxSize int64 `mapstructure:"max_size"`
	// SegmentSize is the size of one file. A file is removed when nothing in it is needed any more.
	SegmentSize int64 `mapstructure:"segment_size"`
	// ImportDirectory is the directory of a file_storage that this Collector had before: what it holds is taken over.
	ImportDirectory string `mapstructure:"import_directory"`
}

// Validate returns an error that names the field, if the configuration cannot work.
func (c *Config) Validate() error {
	var failed []error
	if c.Directory == "" {
		failed = append(failed, errors.New("directory: must be set"))
	} else if err := c.validDirectory(); err != nil {
		failed = append(failed, err)
	}
	if c.MaxSize != 0 && c.MaxSize < leastMaxSize {
		failed = append(failed, fmt.Errorf("max_size: %d bytes are too few, give %d or more, or 0 for no limit",
			c.MaxSize, leastMaxSize))
	}
	if c.SegmentSize < leastSegment || c.SegmentSize > mostSegment {
		failed = append(failed, fmt.Errorf("segment_size: %d is not between %d and %d bytes", c.SegmentSize,
			leastSegment, mostSegment))
	}
	if c.ImportDirectory != "" && filepath.Clean(c.ImportDirectory) == filepath.Clean(c.Directory) {
		failed = append(failed, errors.New("import_directory: must be another folder than directory"))
	}
	return errors.Join(failed...)
}

func (c *Config) validDirectory() error {
	status, err := os.Stat(c.Directory)
	switch {
	case errors.Is(err, os.ErrNotExist) && c.CreateDirectory:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("directory: %s does not exist; make it, or set create_directory: true", c.Directory)
	case err != nil:
		return fmt.Errorf("directory: %w", err)
	case !status.IsDir():
		return fmt.Errorf("directory: %s is no directory", c.Directory)
	}
	return nil
}

// segment returns the size of a segment under this limit.
func (c *Config) segment() int64 {
	if c.MaxSize == 0 {
		return c.SegmentSize
	}
	return min(c.SegmentSize, c.MaxSize/segmentShare)
}
