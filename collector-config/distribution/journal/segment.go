package journal

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"
)

const (
	segmentForm   = "%016x-%016x.journal"
	segmentSuffix = ".journal"
	asideSuffix   = ".damaged"
	readChunk     = 1 << 16
)

// segment is one file of records. Only the newest is written; a record never spans two.
type segment struct {
	file   file
	name   string
	number uint64
	mark   uint64
	size   int64
	// live and liveBytes count the entries of the index that stand here and have not been deleted.
	live      int
	liveBytes int64
	// unsynced are the keys whose changes since the last Sync are here; unsyncedBytes is how long their records are.
	unsynced      []string
	unsyncedBytes int64
	// sealed: a write or a Sync has failed. Nothing more is written, because what the kernel says about this file
	// from now on is no proof.
	sealed bool
	// unreadable: the medium failed when the segment was opened. aside: the file has its second name.
	unreadable, aside bool
}

// entry is where a value stands.
type entry struct {
	segment *segment
	at      int64
	length  int
	sum     uint32
}

func createSegment(on disk, number uint64) (*segment, error) {
	mark := rand.Uint64() | 1
	name := fmt.Sprintf(segmentForm, number, mark)
	created, err := on.Create(name)
	if err != nil {
		return nil, err
	}
	return &segment{file: created, name: name, number: number, mark: mark}, nil
}

// openSegment opens the file of that name and returns its content. Parts that the medium cannot read any more are
// zeros there, which are no record, and the segment is set unreadable.
func openSegment(on disk, name string) (*segment, []byte, error) {
	s := &segment{name: name}
	if _, err := fmt.Sscanf(name, segmentForm, &s.number, &s.mark); err != nil {
		return nil, nil, fmt.Errorf("%s is no name of a segment: %w", name, err)
	}
	opened, size, err := on.Open(name)
	if err != nil {
		return nil, nil, err
	}
	s.file, s.size = opened, size
	data := make([]byte, size)
	for from := int64(0); from < size; from += readChunk {
		part := data[from:min(from+readChunk, size)]
		if _, err := opened.ReadAt(part, from); err != nil {
			s.unreadable = true
			clear(part)
		}
	}
	return s, data, nil
}

// read returns a value.
//
// It returns an error if the medium does not give back what was written.
func (e entry) read() ([]byte, error) {
	value := make([]byte, e.length)
	if e.length == 0 {
		return value, nil
	}
	if _, err := e.segment.file.ReadAt(value, e.at); err != nil {
		return nil, fmt.Errorf("%s at %d: %w", e.segment.name, e.at, err)
	}
	if crc32.Checksum(value, castagnoli) != e.sum {
		return nil, fmt.Errorf("%s at %d: the checksum does not match what the disk returned", e.segment.name, e.at)
	}
	return value, nil
}

// write puts a record at the end. After an error the segment is as before or, where not even that is certain, sealed.
func (s *segment) write(record []byte) error {
	if _, err := s.file.WriteAt(record, s.size); err != nil {
		if s.file.Truncate(s.size) != nil {
			s.sealed = true
		}
		return err
	}
	return nil
}

// sync makes everything in the segment durable. After an error it is sealed: the kernel may have thrown away what it
// could not write, and would call the next Sync a success.
func (s *segment) sync() error {
	if err := s.file.Sync(); err != nil {
		s.sealed = true
		return err
	}
	s.unsynced, s.unsyncedBytes = s.unsynced[:0], 0
	return nil
}

// segmentNumber reads a segment's number out of its name, for sorting; ok is false for other files.
func segmentNumber(name string) (number uint64, ok bool) {
	var mark uint64
	if !strings.HasSuffix(name, segmentSuffix) {
		return 0, false
	}
	_, err := fmt.Sscanf(name, segmentForm, &number, &mark)
	return number, err == nil && mark != 0
}
