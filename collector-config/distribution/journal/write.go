package journal

import (
	"errors"
	"fmt"
	"hash/crc32"

	"go.uber.org/zap"
)

// syncEvery bounds the bytes that stand in a file unsynced.
const syncEvery = 1 << 20

// build returns a record of what is late and these changes. Aliases come first, and deletions that are late last,
// because they may delete what an alias names.
func (c *client) build(wanted []change, withPatient bool) ([]byte, error) {
	record := begin(c.buffer)
	for _, late := range c.late {
		if late.kind == kindAlias {
			record = appendChange(record, late.change)
		}
	}
	for _, each := range wanted {
		record = appendChange(record, each)
	}
	for key, late := range c.late {
		if late.kind == kindAlias || late.patient && !withPatient || touches(wanted, key) {
			continue
		}
		record = appendChange(record, late.change)
	}
	if cap(record) <= syncEvery {
		c.buffer = record
	}
	if len(record) > maxRecord {
		return nil, fmt.Errorf("a batch of %d bytes is too long", len(record))
	}
	return record, nil
}

func touches(wanted []change, key string) bool {
	for _, each := range wanted {
		if each.key == key {
			return true
		}
	}
	return false
}

// put writes a record, syncs it if it is to be durable, and only then makes it true in memory.
func (c *client) put(record []byte, durable bool) error {
	err := c.write(record, durable)
	if err == nil && c.failing {
		c.failing = false
		c.log.Info("the journal is written again", zap.String("queue", c.name))
	}
	if err != nil && !c.failing {
		c.failing = true
		c.log.Error("the journal cannot be written: new items are refused until it can", zap.String("queue", c.name),
			zap.Error(err))
	}
	return err
}

func (c *client) write(record []byte, durable bool) error {
	head, err := c.head(int64(len(record)))
	if err != nil {
		return fmt.Errorf("queue %s: %w", c.name, err)
	}
	seal(record, head.mark)
	if err := head.write(record); err != nil {
		return fmt.Errorf("queue %s: %w", c.name, err)
	}
	if durable && c.fsync {
		if err := c.sync(head); err != nil {
			// Best effort: it may be on the disk all the same, and come back as an item that was refused.
			_ = head.file.Truncate(head.size)
			return fmt.Errorf("queue %s: %w", c.name, err)
		}
		c.doubtful = false
	}
	found, _ := changes(record[recordHeader:], head.size+recordHeader)
	head.size += int64(len(record))
	c.total += int64(len(record))
	c.apply(head, found)
	if !durable && c.fsync {
		c.remember(head, found, int64(len(record)))
	}
	return nil
}

// head returns the segment to write so many bytes to.
func (c *client) head(length int64) (*segment, error) {
	last := c.segments[len(c.segments)-1]
	if !last.sealed && (last.size == 0 || last.size+length <= c.segment) {
		return last, nil
	}
	return c.roll()
}

// roll begins a new segment. What stands in the one before is synced first, so that only the newest can have a torn
// end.
func (c *client) roll() (*segment, error) {
	c.settle()
	last := c.segments[len(c.segments)-1]
	next, err := createSegment(c.disk, last.number+1)
	if err != nil {
		return nil, err
	}
	if c.fsync {
		err = c.disk.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, next.file.Close(), c.disk.Remove(next.name))
	}
	if last.size == 0 && last.file != nil && c.disk.Remove(last.name) == nil {
		// It failed at once: a disk that keeps failing must not fill the folder.
		_ = last.file.Close()
		c.segments = c.segments[:len(c.segments)-1]
	}
	c.segments = append(c.segments, next)
	return next, nil
}

// settle makes durable what is written. If that fails it is late again.
func (c *client) settle() {
	if head := c.segments[len(c.segments)-1]; head.unsyncedBytes > 0 {
		_ = c.sync(head)
	}
}

// sync makes a segment durable. If that fails, what was written to it since the last time is late again.
func (c *client) sync(s *segment) error {
	err := s.sync()
	if err == nil {
		return nil
	}
	c.doubtful = true
	for _, key := range s.unsynced {
		if _, ok := c.late[key]; ok {
			continue
		}
		each := change{kind: kindDelete, key: key}
		if at, ok := c.index[key]; ok {
			value, err := at.read()
			if err != nil {
				continue
			}
			each = change{kind: kindSet, key: key, value: value}
		}
		c.late[key] = lateChange{change: each}
	}
	s.unsynced, s.unsyncedBytes = nil, 0
	return err
}

// remember notes changes that are written and not synced.
func (c *client) remember(head *segment, found []change, length int64) {
	for _, each := range found {
		head.unsynced = append(head.unsynced, each.key)
	}
	head.unsyncedBytes += length
	if head.unsyncedBytes < syncEvery {
		return
	}
	if err := c.sync(head); err != nil {
		c.log.Error("a sync failed: the journal goes on in a new file", zap.String("queue", c.name), zap.Error(err))
	}
}

// apply makes the changes of a record true in memory.
func (c *client) apply(s *segment, found []change) {
	for _, each := range found {
		source, aliased := c.index[string(each.value)]
		aliased = aliased && each.kind == kindAlias
		c.drop(each.key)
		delete(c.late, each.key)
		switch {
		case each.kind == kindSet:
			sum := crc32.Checksum(each.value, castagnoli)
			c.enter(each.key, entry{segment: s, at: each.at, length: len(each.value), sum: sum})
		case aliased:
			c.enter(each.key, source)
		}
	}
}

// enter and drop keep the index and the counts together.
func (c *client) enter(key string, at entry) {
	c.index[key] = at
	c.count(key, at, 1)
}

func (c *client) drop(key string) {
	at, ok := c.index[key]
	if !ok {
		return
	}
	if late := c.late[key]; late.kind != kindDelete || late.patient {
		c.count(key, at, -1)
	}
	delete(c.index, key)
}

func (c *client) count(key string, at entry, sign int) {
	bytes := int64(sign) * int64(recordHeader+changeHeader+len(key)+at.length)
	at.segment.live += sign
	at.segment.liveBytes += bytes
	c.live += bytes
}

// hide deletes a key for the callers; the file follows. Until a patient deletion is written, its value is live.
func (c *client) hide(key string, patient bool) {
	late, isLate := c.late[key]
	at, known := c.index[key]
	switch {
	case isLate && late.kind == kindDelete:
		if known && late.patient && !patient {
			c.count(key, at, -1)
		}
		late.patient = late.patient && patient
		c.late[key] = late
	case isLate && late.kind == kindAlias, !known:
		// No file has it.
		c.drop(key)
		delete(c.late, key)
	default:
		if !patient {
			c.count(key, at, -1)
		}
		c.late[key] = lateChange{change{kind: kindDelete, key: key}, patient}
	}
}

// postpone does changes for the callers that could not be written. None of them stores a new value.
func (c *client) postpone(wanted []change) {
	if !hasAlias(wanted) {
		c.losePatience()
	}
	for _, each := range wanted {
		switch each.kind {
		case kindDelete:
			c.hide(each.key, false)
		case kindAlias:
			c.enter(each.key, c.index[string(each.value)])
			c.late[each.key] = lateChange{change: each}
		case kindSet:
			c.late[each.key] = lateChange{change: change{kind: kindSet, key: each.key, value: copied(each)}}
		}
	}
}

// losePatience lets the deletions that wait be written with whatever comes next.
func (c *client) losePatience() {
	for key, late := range c.late {
		if late.patient {
			c.hide(key, false)
		}
	}
}

func (c *client) waiting() int {
	count := 0
	for _, late := range c.late {
		if late.patient {
			count++
		}
	}
	return count
}
