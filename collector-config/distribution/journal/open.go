package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// open reads the folder's segments and returns the client. It keeps whatever can be read: a torn end of the newest
// segment was never acknowledged and is cut off; damage anywhere else is logged, counted, and its file set aside.
//
// It returns an error if the folder cannot be read or written, naming it.
func open(on disk, with settings, done func()) (*client, error) {
	c := &client{settings: with, disk: on, done: done, index: map[string]entry{}, late: map[string]lateChange{}}
	if err := c.load(); err != nil {
		for _, s := range c.segments {
			_ = s.file.Close()
		}
		return nil, fmt.Errorf("queue %s: %w", c.name, err)
	}
	c.prune()
	c.keepReserve()
	c.measure()
	return c, nil
}

func (c *client) load() error {
	names, err := c.disk.List()
	if err != nil {
		return err
	}
	numbered := map[uint64]string{}
	for _, name := range names {
		if strings.HasSuffix(name, asideSuffix) {
			c.aside.Add(1)
		}
		if number, ok := segmentNumber(name); ok {
			numbered[number] = name
		}
	}
	order := slices.Sorted(maps.Keys(numbered))
	for i, number := range order {
		if err := c.loadSegment(numbered[number], slices.Contains(names, numbered[number]+asideSuffix),
			i == len(order)-1); err != nil {
			return err
		}
	}
	return c.begin()
}

// begin makes sure that there is a segment to write, and that what was found is durable: the process before may have
// ended between a write and its sync.
func (c *client) begin() error {
	if len(c.segments) == 0 {
		c.segments = []*segment{{sealed: true}}
		_, err := c.roll()
		c.segments = c.segments[1:]
		return err
	}
	last := c.segments[len(c.segments)-1]
	if c.fsync {
		if err := last.sync(); err != nil {
			return err
		}
		return c.disk.Sync()
	}
	return nil
}

func (c *client) loadSegment(name string, aside, newest bool) error {
	s, data, err := openSegment(c.disk, name)
	if err != nil {
		return err
	}
	s.aside = aside
	c.segments = append(c.segments, s)
	end, lost := scan(data, s.mark, func(found []change) { c.apply(s, found) })
	torn := data[end:]
	c.total += s.size
	if lost > 0 || s.unreadable || len(torn) > 0 && !(newest && interrupted(torn, s.mark)) {
		s.sealed = true
		if !aside {
			c.damage(s, fmt.Sprintf("%d bytes cannot be read; what can is kept", lost+len(torn)), nil)
		}
		return nil
	}
	if len(torn) == 0 {
		return nil
	}
	c.log.Warn("a write was interrupted; it was not acknowledged, and is cut off", zap.String("queue", c.name),
		zap.String("file", name), zap.Int("bytes", len(torn)))
	c.total -= int64(len(torn))
	s.size = int64(end)
	return s.file.Truncate(s.size)
}

// interrupted tells whether the bytes after the last record are what a write leaves that did not come to its end: a
// beginning of a record, or zeros. Anything else is damage, or what a power cut left of several pages: nobody can tell
// those apart.
func interrupted(torn []byte, mark uint64) bool {
	if len(bytes.Trim(torn, "\x00")) == 0 {
		return true
	}
	begins := binary.LittleEndian.AppendUint64(nil, mark)
	if len(torn) < recordHeader {
		length := min(len(torn), len(begins))
		return bytes.Equal(torn[:length], begins[:length])
	}
	missing := int64(binary.LittleEndian.Uint32(torn[len(begins):])) > int64(len(torn)-recordHeader)
	return bytes.HasPrefix(torn, begins) && missing
}

// measure tells the readers without the lock how large the files are.
func (c *client) measure() {
	reserve := int64(0)
	if c.reserve {
		reserve = reserveSize
	}
	c.onDisk.Store(c.total + reserve)
}

// finish writes what is late, and closes.
func (c *client) finish() error {
	var failed []error
	if len(c.late) > 0 {
		c.settle()
		record, err := c.build(nil, true)
		if err == nil {
			err = c.write(record, false)
		}
		failed = append(failed, err)
	}
	for _, s := range c.segments {
		if c.fsync && s.unsyncedBytes > 0 {
			failed = append(failed, s.sync())
		}
		failed = append(failed, s.file.Close())
	}
	return errors.Join(failed...)
}
