package journal

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

func TestARefusedWriteChangesNothing(t *testing.T) {
	for _, operation := range []string{"write", "sync"} {
		t.Run(operation, func(t *testing.T) {
			disk := newDisk()
			c := opened(t, disk)
			batch(t, c, set(queueIndex, "1"), set("0", "kept"))
			disk.fail = failing(operation, errBroken)
			err := c.Batch(t.Context(), set(queueIndex, "2"), set("1", "refused"))
			if !errors.Is(err, errBroken) {
				t.Fatalf("got %v", err)
			}
			want := map[string]string{queueIndex: "1", "0": "kept"}
			same(t, "after the failure", contents(t, c), want)
			disk.fail = nil
			batch(t, c, set(queueIndex, "3"), set("2", "next"))
			want = map[string]string{queueIndex: "3", "0": "kept", "2": "next"}
			same(t, "after the next", contents(t, c), want)
			same(t, "opened again", contents(t, opened(t, disk)), want)
		})
	}
}

func TestADiskThatKeepsFailingIsNotFilledWithFiles(t *testing.T) {
	for _, operation := range []string{"write", "sync", "truncate", "folder"} {
		disk := newDisk()
		c := opened(t, disk)
		batch(t, c, set("0", "kept"))
		disk.fail = func(asked string) error {
			if asked == operation || asked == "sync" {
				return errBroken
			}
			return nil
		}
		for range 500 {
			if err := c.Set(t.Context(), "1", []byte("refused")); !errors.Is(err, errBroken) {
				t.Fatalf("%s: %v", operation, err)
			}
		}
		if len(disk.names) > 4 || len(c.segments) > 3 {
			t.Fatalf("%s: %d files, %d segments", operation, len(disk.names), len(c.segments))
		}
		disk.fail = nil
		batch(t, c, set("2", "next"))
		got := contents(t, opened(t, disk))
		// What was refused may come back where even its removal failed.
		delete(got, "1")
		same(t, operation, got, map[string]string{"0": "kept", "2": "next"})
	}
}

// After a failed Sync the kernel has forgotten what it could not write, and calls the next one a success.
func TestAfterAFailedSyncNothingTrustsThatFile(t *testing.T) {
	for seed := range uint64(50) {
		m, disk := newModel(seed), newDisk()
		c := opened(t, disk)
		ever := map[string]map[string]bool{}
		for range 80 {
			disk.fail = nil
			if m.random.IntN(6) == 0 {
				disk.fail = failing("sync", errBroken)
			}
			ops, after := m.step()
			for key, value := range after {
				ever[key] = with(ever[key], value)
			}
			if c.Batch(t.Context(), ops...) == nil {
				m.state = after
			}
		}
		disk.fail = nil
		// Whatever was late is written with it.
		batch(t, c, set("last", "1"))
		m.state["last"], ever["last"] = "1", with(nil, "1")
		disk.powerCut(m.random)
		survivedRefusals(t, fmt.Sprint(seed), contents(t, opened(t, disk)), m.state, ever)
	}
}

func with(set map[string]bool, value string) map[string]bool {
	if set == nil {
		set = map[string]bool{}
	}
	set[value] = true
	return set
}

// survivedRefusals is survived, where a refused value may stand in the place of the one before: its bytes were given
// to a disk that then failed.
func survivedRefusals(t *testing.T, when string, got, want map[string]string, ever map[string]map[string]bool) {
	t.Helper()
	for key := range want {
		if _, ok := got[key]; !ok {
			t.Fatalf("%s: %s is gone", when, key)
		}
	}
	for key, value := range got {
		if key != "damaged" && !ever[key][value] {
			t.Fatalf("%s: %s is %.40q, which it never was", when, key, value)
		}
	}
}

func TestAFullDiskRefusesWhatIsNewKeepsWhatThereIsAndRecovers(t *testing.T) {
	for _, space := range []int{40_000, 60_000, 100_000} {
		t.Run(fmt.Sprint(space), func(t *testing.T) { fullDisk(t, space) })
	}
}

func fullDisk(t *testing.T, space int) {
	disk := newDisk()
	disk.space = space
	c := opened(t, disk, func(s *settings) { s.segment = 16 << 10 })
	stored := fill(t, c, 0)
	if stored == 0 {
		t.Fatal("nothing was stored")
	}
	for number := range stored {
		key := fmt.Sprint(number)
		item := storage.GetOperation(key)
		batch(t, c, set(queueIndex, key+" read"), item)
		if string(item.Value) != content(number) {
			t.Fatalf("item %d is %.40q", number, item.Value)
		}
		batch(t, c, set(queueIndex, key+" done"), del(key))
	}
	again := fill(t, c, stored)
	if again < stored*9/10 {
		t.Fatalf("%d items had room, and after they were delivered only %d", stored, again)
	}
	for number := stored; number < stored+again; number++ {
		value, err := opened(t, disk).Get(t.Context(), fmt.Sprint(number))
		if string(value) != content(number) {
			t.Fatalf("opened again: item %d is %.40q, %v", number, value, err)
		}
	}
}

func content(number int) string { return fmt.Sprint(number, strings.Repeat("x", 500)) }

// fill stores items until the disk is full, and returns how many.
func fill(t *testing.T, c *client, from int) int {
	t.Helper()
	for number := from; ; number++ {
		key := fmt.Sprint(number)
		err := c.Batch(t.Context(), set(queueIndex, key), set(key, content(number)))
		if errors.Is(err, syscall.ENOSPC) {
			return number - from
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A queue that begins on a full disk has to store the items that were under way anew.
func TestOnAFullDiskTheItemsUnderWayAreThereAfterEveryRestart(t *testing.T) {
	disk := newDisk()
	disk.space = 60_000
	c := opened(t, disk)
	stored := fill(t, c, 0)
	disk.space = disk.used()
	for restart := range 3 {
		c = opened(t, disk)
		restore(t, c, restart*10, restart*10+10, stored+restart*10)
	}
	got := contents(t, opened(t, disk))
	found := map[string]bool{}
	for key, value := range got {
		if key != queueIndex {
			found[value] = true
		}
	}
	for number := range stored {
		if !found[content(number)] {
			t.Fatalf("item %d of %d is lost", number, stored)
		}
	}
}

// restore does what the queue does at its start with items that were under way.
func restore(t *testing.T, c *client, from, to, next int) {
	t.Helper()
	var gets, deletes []*storage.Operation
	for number := from; number < to; number++ {
		gets = append(gets, storage.GetOperation(fmt.Sprint(number)))
		deletes = append(deletes, del(fmt.Sprint(number)))
	}
	batch(t, c, gets...)
	batch(t, c, deletes...)
	for i, op := range gets {
		key := fmt.Sprint(next + i)
		batch(t, c, set(queueIndex, key), set(key, string(op.Value)))
	}
}

func TestAKillWhileTheQueueBeginsLosesNothing(t *testing.T) {
	for killed := range 14 {
		disk := newDisk()
		c := opened(t, disk)
		for number := range 12 {
			batch(t, c, set(queueIndex, "w"), set(fmt.Sprint(number), content(number)))
		}
		c = opened(t, disk)
		written := disk.done["write"]
		disk.fail = func(operation string) error {
			if operation == "write" && disk.done["write"]-written > killed {
				return errBroken
			}
			return nil
		}
		restore(t, c, 0, 12, 12)
		disk.fail = nil
		got := contents(t, opened(t, disk))
		for number := range 12 {
			if got[fmt.Sprint(number)] != content(number) && got[fmt.Sprint(number+12)] != content(number) {
				t.Fatalf("killed after %d writes: item %d is gone", killed, number)
			}
		}
	}
}

func TestAPowerCutAfterTheQueueBeganLosesNothing(t *testing.T) {
	for seed := range uint64(300) {
		disk := newDisk()
		c := opened(t, disk)
		for number := range 12 {
			batch(t, c, set(queueIndex, "w"), set(fmt.Sprint(number), content(number)))
		}
		c = opened(t, disk)
		restore(t, c, 0, 12, 12)
		batch(t, c, set(queueIndex, "begun"), storage.GetOperation("12"))
		disk.powerCut(newModel(seed).random)
		got := contents(t, opened(t, disk))
		for number := range 12 {
			if got[fmt.Sprint(number)] != content(number) && got[fmt.Sprint(number+12)] != content(number) {
				t.Fatalf("%d: item %d is gone", seed, number)
			}
		}
	}
}

func TestMaxSizeBoundsTheFilesAndSaysThatTheyAreFull(t *testing.T) {
	disk := newDisk()
	limit := 400_000
	c := opened(t, disk, func(s *settings) { s.maxSize, s.segment = int64(limit), 50_000 })
	oldest, next := 0, 0
	for range 5 {
		for ; ; next++ {
			key := fmt.Sprint(next)
			err := c.Batch(t.Context(), set(queueIndex, key), set(key, content(next)))
			if errors.Is(err, storage.ErrStorageFull) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if disk.used() > limit {
				t.Fatalf("%d bytes on disk", disk.used())
			}
		}
		if held := (next - oldest) * 500; held < limit*6/10 {
			t.Fatalf("full with %d bytes of items", held)
		}
		for range 300 {
			key := fmt.Sprint(oldest)
			batch(t, c, set(queueIndex, key+" read"), storage.GetOperation(key))
			batch(t, c, set(queueIndex, key+" done"), del(key))
			oldest++
		}
	}
	got := contents(t, opened(t, disk))
	if len(got) != next-oldest+1 {
		t.Fatalf("%d keys, not %d", len(got), next-oldest+1)
	}
}
