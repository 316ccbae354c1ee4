package journal

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// fakeDisk is a disk in memory that can fail, and can lose what was not synced. It stands for the hardware.
type fakeDisk struct {
	names, durable map[string]*fakeFile
	// space is how many bytes all files may have; 0 is no limit.
	space int
	// fail is asked before every operation: "write", "sync", "create", "truncate", "remove", "folder", "read".
	fail func(operation string) error
	done map[string]int
}

type fakeFile struct {
	disk *fakeDisk
	data []byte
	// durable is what a power cut leaves; writes are those since.
	durable []byte
	writes  []fakeWrite
}

type fakeWrite struct {
	at   int64
	data []byte
}

func newDisk() *fakeDisk {
	return &fakeDisk{names: map[string]*fakeFile{}, durable: map[string]*fakeFile{}, done: map[string]int{}}
}

func (d *fakeDisk) ask(operation string) error {
	d.done[operation]++
	if d.fail == nil {
		return nil
	}
	return d.fail(operation)
}

func (d *fakeDisk) used() (bytes int) {
	for _, each := range d.names {
		bytes += len(each.data)
	}
	return bytes
}

func (d *fakeDisk) List() ([]string, error) { return slices.Collect(maps.Keys(d.names)), nil }

func (d *fakeDisk) Open(name string) (file, int64, error) {
	found, ok := d.names[name]
	if !ok {
		return nil, 0, fs.ErrNotExist
	}
	return found, int64(len(found.data)), nil
}

func (d *fakeDisk) Create(name string) (file, error) {
	if err := d.ask("create"); err != nil {
		return nil, err
	}
	if _, taken := d.names[name]; taken {
		return nil, fs.ErrExist
	}
	d.names[name] = &fakeFile{disk: d}
	return d.names[name], nil
}

func (d *fakeDisk) Remove(name string) error {
	if err := d.ask("remove"); err != nil {
		return err
	}
	if _, ok := d.names[name]; !ok {
		return fs.ErrNotExist
	}
	delete(d.names, name)
	return nil
}

func (d *fakeDisk) Link(name, second string) error {
	d.names[second] = d.names[name]
	return nil
}

func (d *fakeDisk) Sync() error {
	if err := d.ask("folder"); err != nil {
		return err
	}
	d.durable = maps.Clone(d.names)
	return nil
}

// powerCut leaves what was synced. Of the rest each write is there, or torn, or not there, in no order.
func (d *fakeDisk) powerCut(random *rand.Rand) {
	d.names = maps.Clone(d.durable)
	for _, each := range d.names {
		kept := slices.Clone(each.durable)
		for _, write := range each.writes {
			switch random.IntN(3) {
			case 0:
				kept = overlay(kept, write.at, write.data)
			case 1:
				kept = overlay(kept, write.at, write.data[:random.IntN(len(write.data)+1)])
			}
		}
		if random.IntN(3) == 0 {
			kept = append(kept, make([]byte, random.IntN(5000))...)
		}
		each.data, each.durable, each.writes = kept, slices.Clone(kept), nil
	}
}

func overlay(data []byte, at int64, written []byte) []byte {
	if missing := int(at) + len(written) - len(data); missing > 0 {
		data = append(data, make([]byte, missing)...)
	}
	copy(data[at:], written)
	return data
}

func (f *fakeFile) ReadAt(into []byte, at int64) (int, error) {
	if err := f.disk.ask("read"); err != nil {
		return 0, err
	}
	return bytes.NewReader(f.data).ReadAt(into, at)
}

func (f *fakeFile) WriteAt(data []byte, at int64) (int, error) {
	room := len(data)
	if f.disk.space > 0 {
		room = min(room, max(0, f.disk.space-f.disk.used()-int(at)+len(f.data)))
	}
	err := f.disk.ask("write")
	if err != nil {
		room = min(room, len(data)/2)
	} else if room < len(data) {
		err = syscall.ENOSPC
	}
	f.data = overlay(f.data, at, data[:room])
	f.writes = append(f.writes, fakeWrite{at, slices.Clone(data[:room])})
	return room, err
}

func (f *fakeFile) Truncate(size int64) error {
	if err := f.disk.ask("truncate"); err != nil {
		return err
	}
	f.data = f.data[:size]
	return nil
}

// Sync fails as Linux does: what could not be written is thrown away, and the next Sync succeeds.
func (f *fakeFile) Sync() error {
	if err := f.disk.ask("sync"); err != nil {
		f.writes = nil
		return err
	}
	f.durable, f.writes = slices.Clone(f.data), nil
	return nil
}

func (f *fakeFile) Close() error { return nil }

func failing(operation string, err error) func(string) error {
	return func(asked string) error {
		if asked == operation {
			return err
		}
		return nil
	}
}

const testSegment = 4096

func opened(t testing.TB, on disk, change ...func(*settings)) *client {
	t.Helper()
	with := settings{name: "test", segment: testSegment, fsync: true, log: zap.NewNop()}
	for _, each := range change {
		each(&with)
	}
	c, err := open(on, with, func() {})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func batch(t testing.TB, c *client, ops ...*storage.Operation) {
	t.Helper()
	if err := c.Batch(t.Context(), ops...); err != nil {
		t.Fatal(err)
	}
}

// contents returns what the client holds.
func contents(t testing.TB, c *client) map[string]string {
	t.Helper()
	found := map[string]string{}
	keys := slices.AppendSeq(slices.Collect(maps.Keys(c.index)), maps.Keys(c.late))
	for _, key := range keys {
		value, err := c.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if value != nil {
			found[key] = string(value)
		}
	}
	if c.aside.Load() > 0 {
		found["damaged"] = "yes"
	}
	return found
}

func same(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Fatalf("%s: got %d keys %.300q, want %d keys %.300q", what, len(got), got, len(want), want)
	}
}

var errBroken = errors.New("input/output error")

func set(key, value string) *storage.Operation { return storage.SetOperation(key, []byte(value)) }

func del(key string) *storage.Operation { return storage.DeleteOperation(key) }

// copy returns a disk with the same files, on which nothing that is done here has an effect.
func (d *fakeDisk) copy() *fakeDisk {
	made := newDisk()
	for name, each := range d.names {
		made.names[name] = &fakeFile{disk: made, data: slices.Clone(each.data), durable: slices.Clone(each.data)}
	}
	made.durable = maps.Clone(made.names)
	return made
}
