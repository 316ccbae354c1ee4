package journal

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

func TestWhatTheContractOfAStorageClientAsks(t *testing.T) {
	c := opened(t, newDisk())
	if value, err := c.Get(t.Context(), "missing"); value != nil || err != nil {
		t.Fatalf("a missing key is nil without an error, got %q, %v", value, err)
	}
	batch(t, c, del("missing"), set("a", "1"))
	batch(t, c, set("a", "2"), set("empty", ""))
	before, between, after := storage.GetOperation("a"), storage.GetOperation("a"), storage.GetOperation("a")
	batch(t, c, before, set("a", "3"), between, del("a"), after)
	if string(before.Value) != "2" || string(between.Value) != "3" || after.Value != nil {
		t.Fatalf("in order: got %q, %q, %q", before.Value, between.Value, after.Value)
	}
	if value, _ := c.Get(t.Context(), "empty"); value == nil || len(value) != 0 {
		t.Fatalf("an empty value is not a missing one: %v", value)
	}
	if err := c.Batch(t.Context(), &storage.Operation{Type: 7}); err == nil {
		t.Fatal("an unknown operation is an error")
	}
	if err := c.Set(t.Context(), strings.Repeat("k", maxKey+1), nil); err == nil {
		t.Fatal("a key that is too long is an error")
	}
	for range 2 {
		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Set(t.Context(), "a", nil); !errors.Is(err, errClosed) {
		t.Fatalf("after Close: %v", err)
	}
}

func TestAReturnedValueIsTheCallersOwn(t *testing.T) {
	c := opened(t, newDisk())
	given := []byte("given")
	if err := c.Set(t.Context(), "a", given); err != nil {
		t.Fatal(err)
	}
	given[0] = 'X'
	got, _ := c.Get(t.Context(), "a")
	got[1] = 'X'
	if again, _ := c.Get(t.Context(), "a"); string(again) != "given" {
		t.Fatalf("got %q", again)
	}
}

// model is what a client must hold: the queue's way of using one, and others.
type model struct {
	random *rand.Rand
	keys   int
	next   int
	state  map[string]string
}

// step returns a batch, and what holds once it is done.
func (m *model) step() ([]*storage.Operation, map[string]string) {
	after := maps.Clone(m.state)
	var ops []*storage.Operation
	for range 1 + m.random.IntN(3) {
		key := fmt.Sprint(m.random.IntN(m.keys))
		switch kind := m.random.IntN(8); {
		case kind < 4:
			m.next++
			value := fmt.Sprintf("%d:%s", m.next, strings.Repeat("v", m.random.IntN(200)))
			after[key], ops = value, append(ops, set(key, value))
		case kind < 6:
			delete(after, key)
			ops = append(ops, del(key))
		default:
			m.next++
			after[queueIndex], ops = fmt.Sprint(m.next), append(ops, set(queueIndex, fmt.Sprint(m.next)))
		}
	}
	return ops, after
}

func newModel(seed uint64) *model {
	return &model{random: rand.New(rand.NewPCG(seed, 1)), keys: 40, state: map[string]string{}}
}

func TestItHoldsWhatAMapHolds(t *testing.T) {
	for seed := range uint64(40) {
		m, disk := newModel(seed), newDisk()
		c := opened(t, disk)
		for step := range 400 {
			ops, after := m.step()
			batch(t, c, ops...)
			m.state = after
			if step%50 == 49 {
				same(t, fmt.Sprint(seed, step), contents(t, c), m.state)
			}
			if m.random.IntN(40) == 0 {
				if err := c.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				c = opened(t, disk)
				same(t, fmt.Sprint("opened again ", seed, step), contents(t, c), m.state)
			}
		}
		if used := disk.used(); used > 20*testSegment {
			t.Fatalf("%d bytes on disk for some 40 values", used)
		}
	}
}

// A kill leaves all that was written: only a deletion that waits may come back.
func TestAKillLosesNothing(t *testing.T) {
	for seed := range uint64(60) {
		m, disk := newModel(seed), newDisk()
		c := opened(t, disk)
		for step := range 300 {
			ops, after := m.step()
			batch(t, c, ops...)
			m.state = after
			if m.random.IntN(30) != 0 {
				continue
			}
			waiting := slices.Collect(maps.Keys(c.late))
			c = opened(t, disk)
			got := contents(t, c)
			for _, key := range waiting {
				if _, wanted := m.state[key]; !wanted {
					delete(got, key)
					batch(t, c, del(key))
				}
			}
			same(t, fmt.Sprint("killed ", seed, step), got, m.state)
		}
	}
}

// A power cut leaves every value that a Batch stored: it may bring back a deleted one, and an older index.
func TestAPowerCutLosesNothingThatIsAcknowledged(t *testing.T) {
	for seed := range uint64(150) {
		m, disk := newModel(seed), newDisk()
		c := opened(t, disk)
		ever := map[string]map[string]bool{}
		for step := range 150 {
			ops, after := m.step()
			batch(t, c, ops...)
			m.state = after
			for key, value := range after {
				if ever[key] == nil {
					ever[key] = map[string]bool{}
				}
				ever[key][value] = true
			}
			if m.random.IntN(25) != 0 {
				continue
			}
			disk.powerCut(m.random)
			c = opened(t, disk)
			m.state = survived(t, fmt.Sprint(seed, " ", step), contents(t, c), m.state, ever)
		}
	}
}

func survived(t *testing.T, when string, got, want map[string]string, ever map[string]map[string]bool) map[string]string {
	t.Helper()
	for key, value := range want {
		if key != queueIndex && got[key] != value {
			t.Fatalf("%s: %s is %.40q, acknowledged was %.40q", when, key, got[key], value)
		}
	}
	delete(got, "damaged") // a torn record, as a power cut leaves it
	for key, value := range got {
		if !ever[key][value] {
			t.Fatalf("%s: %s is %.40q, which it never was", when, key, value)
		}
	}
	if _, had := want[queueIndex]; had && got[queueIndex] == "" {
		t.Fatalf("%s: the index is gone", when)
	}
	return got
}

func TestAnOldItemDoesNotKeepWhatCameAfterIt(t *testing.T) {
	disk := newDisk()
	c := opened(t, disk)
	batch(t, c, set(queueIndex, "0"), set("poison", "stays"))
	most := 0
	for number := range 20_000 {
		key := fmt.Sprint(number)
		batch(t, c, set(queueIndex, key), set(key, strings.Repeat("x", 100)))
		batch(t, c, set(queueIndex, key+"r"))
		batch(t, c, set(queueIndex, key+"d"), del(key))
		most = max(most, disk.used())
	}
	if limit := (reclaimFrom+3)*testSegment + reserveSize; most > limit {
		t.Fatalf("%d bytes on disk, more than %d", most, limit)
	}
	c = opened(t, disk)
	same(t, "opened again", contents(t, c), map[string]string{"poison": "stays", queueIndex: "19999d"})
}

func TestARewriteOfTheIndexAloneIsNotSyncedAndEverythingElseIs(t *testing.T) {
	disk := newDisk()
	c := opened(t, disk, func(s *settings) { s.segment = 1 << 20 })
	synced := func(what string, want int, ops ...*storage.Operation) {
		before := disk.done["sync"]
		batch(t, c, ops...)
		if got := disk.done["sync"] - before; got != want {
			t.Fatalf("%s: %d syncs, not %d", what, got, want)
		}
	}
	synced("the first index", 1, set(queueIndex, "0"))
	synced("an item", 1, set(queueIndex, "1"), set("0", "item"))
	synced("the index", 0, set(queueIndex, "2"), storage.GetOperation("0"))
	synced("a deletion", 0, set(queueIndex, "3"), del("0"))
	synced("a checkpoint", 1, set("offset", "1"))
	synced("the same again", 1, set("offset", "2"))
}
