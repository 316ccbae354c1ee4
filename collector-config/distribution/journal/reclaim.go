package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

const (
	reserveName = "reserve"
	// reserveSize is kept free for the moment when the disk is full: so much it takes to move the small rest of a
	// segment to a new one, which gives the old one's room back.
	reserveSize = 32 << 10
	smallRest   = reserveSize / 2
	// reclaimFrom is how many segments there may be before half of what they hold must be in use.
	reclaimFrom = 4
	moveAtOnce  = 256 << 10
)

// admit makes sure that a record with new values stays below max_size, with room left to move one segment.
//
// It returns storage.ErrStorageFull if it would not.
func (c *client) admit(length int64) error {
	if c.maxSize == 0 {
		return nil
	}
	if c.total+length > c.limit() && !c.mostlyLive() {
		c.reclaim()
		c.prune()
	}
	if c.total+length > c.limit() {
		return c.full()
	}
	return nil
}

func (c *client) limit() int64 { return c.maxSize - c.segment - reserveSize }

// mostlyLive tells that reclaiming would cost more than it gives.
func (c *client) mostlyLive() bool { return c.total-c.live < c.limit()/16 }

func (c *client) full() error {
	return fmt.Errorf("queue %s: max_size of %d bytes: %w", c.name, c.maxSize, storage.ErrStorageFull)
}

// tidy gives room back that is not needed any more.
func (c *client) tidy() {
	c.prune()
	wasteful := c.total > 2*c.live+reclaimFrom*c.segment
	pressed := c.maxSize > 0 && c.total > c.limit() && !c.mostlyLive()
	if (wasteful || pressed) && !c.failing {
		c.reclaim()
		c.prune()
	}
}

// prune removes the oldest segments that hold nothing any more. Only from the oldest on: a newer one may hold the
// deletion of what an older one stores. What says that nothing is needed is synced first.
func (c *client) prune() {
	for len(c.segments) > 1 && c.segments[0].live == 0 && !c.doubtful {
		if c.settle(); c.doubtful {
			return
		}
		if err := c.remove(c.segments[0]); err != nil {
			c.log.Warn("a segment that is not needed any more cannot be removed", zap.String("queue", c.name),
				zap.Error(err))
			return
		}
		c.segments = c.segments[1:]
		c.keepReserve()
	}
}

// remove deletes a segment's file, and forgets the deletions that only it made necessary. The folder is synced, so
// that an older file never comes back without the newer ones.
func (c *client) remove(old *segment) error {
	if err := c.disk.Remove(old.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for key, late := range c.late {
		if at, ok := c.index[key]; ok && at.segment == old && late.kind == kindDelete {
			delete(c.index, key)
			delete(c.late, key)
		}
	}
	c.total -= old.size
	_ = old.file.Close()
	if c.fsync {
		_ = c.disk.Sync()
	}
	return nil
}

// reclaim moves what the oldest segment still holds to the newest, so that the next prune removes it. Deletions that
// wait name values where they stand: it does nothing until they are written.
func (c *client) reclaim() {
	if c.waiting() > 0 {
		return
	}
	oldest := c.segments[0]
	if len(c.segments) == 1 {
		if _, err := c.roll(); err != nil {
			return
		}
	}
	record := begin(nil)
	for key, at := range c.index {
		if at.segment != oldest || c.late[key].kind == kindDelete {
			continue
		}
		value := c.lookup(nil, key)
		if value == nil {
			// Counted, and set aside: there is nothing to move.
			c.drop(key)
			continue
		}
		record = appendChange(record, change{kind: kindSet, key: key, value: value})
		if len(record) < moveAtOnce {
			continue
		}
		if c.put(record, false) != nil {
			return
		}
		record = begin(record)
	}
	if len(record) > recordHeader {
		_ = c.put(record, false)
	}
}

// relieve makes room on a full disk, if the oldest segment has any to give: it uses the reserve to move the little that
// is needed there. It ends the state in which the disk is full of items that are delivered already, while the index
// pins their file and cannot be written to another. It returns whether there may be room now.
func (c *client) relieve(err error) bool {
	oldest := c.segments[0]
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
	if !full || oldest.liveBytes > smallRest || oldest.liveBytes > oldest.size/2 {
		return false
	}
	if c.reserve && c.disk.Remove(reserveName) == nil {
		c.reserve = false
	}
	c.reclaim()
	c.prune()
	c.keepReserve()
	return true
}

// keepReserve makes the reserve if there is none. Where there is no room for it, there is none for now.
func (c *client) keepReserve() {
	if c.reserve {
		return
	}
	if kept, size, err := c.disk.Open(reserveName); err == nil {
		_ = kept.Close()
		if c.reserve = size == reserveSize; c.reserve {
			return
		}
		_ = c.disk.Remove(reserveName)
	}
	made, err := c.disk.Create(reserveName)
	if err != nil {
		return
	}
	_, err = made.WriteAt(make([]byte, reserveSize), 0)
	if err = errors.Join(err, made.Sync(), made.Close()); err != nil {
		_ = c.disk.Remove(reserveName)
		return
	}
	c.reserve = true
}

// damage reports what cannot be read, and gives its file a second name that stays.
func (c *client) damage(s *segment, what string, cause error) {
	fields := []zap.Field{zap.String("queue", c.name), zap.String("file", s.name), zap.Error(cause)}
	if !s.aside {
		s.aside = true
		c.aside.Add(1)
		err := c.disk.Link(s.name, s.name+asideSuffix)
		fields = append(fields, zap.String("kept_as", s.name+asideSuffix), zap.NamedError("keeping", err))
	}
	c.log.Error("the journal is damaged: "+what, fields...)
}
