package journal

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// queueIndex is the key under which the exporters' queue keeps its indices. It writes them anew with every Batch; an
// older state of them is an older state of the queue, in which nothing is missing. Every other Set is synced.
const queueIndex = "qmv0"

// mostWaiting is how many deletions may wait: more than a queue has under way.
const mostWaiting = 100_000

var errClosed = errors.New("the journal is closed")

// settings are what a client needs to know; sizes are bytes.
type settings struct {
	name    string
	segment int64
	// maxSize bounds the files of the client; 0 is no limit.
	maxSize int64
	fsync   bool
	log     *zap.Logger
}

// client implements storage.Client over one folder. What it promises:
//
//   - A Batch is done as a whole or not at all, whatever ends the process.
//   - A Batch that stores a new value returns when it is on the medium (`fsync`), or with an error, and then it is
//     not done. The queue's own index and deletions follow with the next such Batch: after a power cut an item may
//     come back that was delivered, none is missing. After SIGKILL nothing is missing and nothing comes back.
//   - A Batch that stores nothing new never fails for want of space: it is kept in memory and written later. The
//     queue drops the item that it was about to send if this fails.
//   - A Batch that only deletes is written with the next one that stores nothing new. The queue begins by deleting
//     the items that were under way, and stores them again, under new numbers, one by one: a kill in between finds
//     them where they were. Nor are they written twice: a value that is there already gets a second name.
//   - Memory: the index, some 100 bytes per value. Values stay on disk.
//
// The queue calls it under a lock of its own, so there never are two Batches to share one sync.
type client struct {
	settings
	disk disk
	// done is called once, by Close.
	done func()

	mu       sync.Mutex
	index    map[string]entry
	late     map[string]lateChange
	segments []*segment
	// total is the size of the segments, live that of the records which would do.
	total, live int64
	reserve     bool
	// failing: the last write failed. doubtful: a Sync failed, and what it left open is not yet written again.
	failing, doubtful bool
	closed            bool
	buffer            []byte

	// onDisk is total, and aside how many damaged files are kept, for readers without the lock.
	onDisk, aside atomic.Int64
}

// lateChange is done for the callers, and not yet in a file. The index has what the files have: for a deletion the
// entry that is to go, for an alias the other key's.
type lateChange struct {
	change
	// patient: waits for a Batch that stores nothing new.
	patient bool
}

func (c *client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	if err := c.Batch(ctx, op); err != nil {
		return nil, err
	}
	return op.Value, nil
}

func (c *client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

// Batch does the operations in order; see client for what holds when it returns.
//
// It returns storage.ErrStorageFull at max_size, and the file system's error where the disk is full or fails. Nothing
// is done then.
func (c *client) Batch(_ context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return errClosed
	}
	wanted, err := c.plan(ops)
	if err != nil || len(wanted) == 0 {
		return err
	}
	err = c.commit(wanted)
	c.tidy()
	c.measure()
	return err
}

// plan answers the Gets and returns the changes.
func (c *client) plan(ops []*storage.Operation) ([]change, error) {
	var wanted []change
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = c.lookup(wanted, op.Key)
		case storage.Set:
			if len(op.Key) > maxKey || len(op.Value) > maxRecord/2 {
				return nil, fmt.Errorf("%d bytes under a key of %d bytes are too long", len(op.Value), len(op.Key))
			}
			wanted = append(wanted, change{kind: kindSet, key: op.Key, value: op.Value})
		case storage.Delete:
			wanted = append(wanted, change{kind: kindDelete, key: op.Key})
		default:
			return nil, fmt.Errorf("operation %d is none of Get, Set, Delete", op.Type)
		}
	}
	return wanted, nil
}

// lookup returns what a key has after the changes, or nil. A value that the disk does not give back is reported and
// nil: for an error the queue would drop every item of the same Batch.
func (c *client) lookup(wanted []change, key string) []byte {
	for i := len(wanted) - 1; i >= 0; i-- {
		if wanted[i].key == key {
			return copied(wanted[i])
		}
	}
	if late, ok := c.late[key]; ok && late.kind != kindAlias {
		return copied(late.change)
	}
	at, ok := c.index[key]
	if !ok {
		return nil
	}
	value, err := at.read()
	if err != nil {
		c.damage(at.segment, fmt.Sprintf("the value of %q cannot be read", key), err)
		return nil
	}
	return value
}

func copied(each change) []byte {
	if each.kind != kindSet {
		return nil
	}
	return append(make([]byte, 0, len(each.value)), each.value...)
}

// commit does the changes.
func (c *client) commit(wanted []change) error {
	stores, sets := c.weigh(wanted)
	if !sets {
		for _, each := range wanted {
			c.hide(each.key, true)
		}
		if len(c.late) > mostWaiting {
			c.losePatience()
		}
		return nil
	}
	withPatient := !stores && !hasAlias(wanted)
	if withPatient && c.waiting() > 0 {
		// The disk may write a deletion before the alias that it follows.
		c.settle()
	}
	record, err := c.build(wanted, withPatient)
	if err != nil {
		return err
	}
	if stores {
		err = c.admit(int64(len(record)))
	}
	if err == nil {
		err = c.put(record, stores)
	}
	if err != nil && !stores {
		c.postpone(wanted)
		c.relieve(err)
		return nil
	}
	if err != nil && c.relieve(err) {
		return c.put(record, true)
	}
	return err
}

// weigh tells whether the changes have values that must be on the medium, and whether they have any. A new key whose
// value stands under another one that is about to be deleted is made its alias: that value is safe.
func (c *client) weigh(wanted []change) (stores, sets bool) {
	for i := range wanted {
		each := &wanted[i]
		if each.kind != kindSet {
			continue
		}
		sets = true
		_, known := c.index[each.key]
		if each.key == queueIndex && known && c.late[each.key].kind != kindDelete {
			continue
		}
		if twin, ok := c.twin(each.value); ok && !known {
			*each = change{kind: kindAlias, key: each.key, value: []byte(twin)}
			continue
		}
		stores = true
	}
	return stores, sets
}

func hasAlias(wanted []change) bool {
	for _, each := range wanted {
		if each.kind == kindAlias {
			return true
		}
	}
	return false
}

// twin returns a key whose deletion waits and whose value is this one.
func (c *client) twin(value []byte) (string, bool) {
	sum, summed := uint32(0), false
	for key, late := range c.late {
		at, ok := c.index[key]
		if !ok || late.kind != kindDelete || !late.patient || at.length != len(value) {
			continue
		}
		if !summed {
			sum, summed = crc32.Checksum(value, castagnoli), true
		}
		if at.sum != sum {
			continue
		}
		if stored, err := at.read(); err == nil && string(stored) == string(value) {
			return key, true
		}
	}
	return "", false
}

// Close writes what is late, and closes the files. The second time it does nothing.
//
// It returns the errors of that; what could not be written then is at most a deletion or an older index.
func (c *client) Close(context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	err := c.finish()
	c.mu.Unlock()
	c.done()
	return err
}
