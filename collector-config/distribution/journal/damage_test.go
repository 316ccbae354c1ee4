package journal

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// written returns a small journal, the name of its only file, and what holds after each of its batches.
func written(t *testing.T) (*fakeDisk, string, []map[string]string, []int) {
	t.Helper()
	disk := newDisk()
	c := opened(t, disk, func(s *settings) { s.segment = 1 << 20 })
	states, ends := []map[string]string{contents(t, c)}, []int{0}
	for number := range 6 {
		key := fmt.Sprint(number)
		batch(t, c, set(queueIndex, key), set(key, strings.Repeat(key, 20)))
		states, ends = append(states, contents(t, c)), append(ends, int(c.segments[0].size))
		if number%2 == 1 {
			batch(t, c, set(queueIndex, "done"+key), del(fmt.Sprint(number-1)))
			states, ends = append(states, contents(t, c)), append(ends, int(c.segments[0].size))
		}
	}
	return disk, segmentName(c), states, ends
}

func TestCutAtAnyByteItHoldsTheBatchesBeforeItAndGoesOn(t *testing.T) {
	disk, name, states, ends := written(t)
	file := disk.names[name]
	whole := slices.Clone(file.data)
	for size := range len(whole) + 1 {
		for _, padding := range []int{0, 1, 100, 5000} {
			file.data = append(slices.Clone(whole[:size]), make([]byte, padding)...)
			done := 0
			for done+1 < len(ends) && ends[done+1] <= size {
				done++
			}
			c := opened(t, disk)
			got := contents(t, c)
			// Half a record with zeros behind it is what a power cut leaves; it looks like damage, and is reported.
			delete(got, "damaged")
			same(t, fmt.Sprint("cut at ", size, " padded by ", padding), got, states[done])
			batch(t, c, set("next", "1"))
			if err := c.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			got = contents(t, opened(t, disk))
			if got["next"] != "1" || len(got) < len(states[done])+1 {
				t.Fatalf("cut at %d, padded by %d, written on and opened again: %.300q", size, padding, got)
			}
			disk.names = map[string]*fakeFile{name: file}
		}
	}
}

func TestOneRottenByteCostsOneBatchAndIsReported(t *testing.T) {
	disk, name, states, ends := written(t)
	file := disk.names[name]
	whole := slices.Clone(file.data)
	last := ends[len(ends)-2]
	for at := range whole {
		file.data = slices.Clone(whole)
		file.data[at] ^= 0x40
		c := opened(t, disk)
		got := contents(t, c)
		if _, reported := got["damaged"]; !reported && at < last {
			t.Fatalf("byte %d: nothing is said", at)
		}
		for number := range 6 {
			key := fmt.Sprint(number)
			hit := slices.IndexFunc(ends, func(end int) bool { return end > at })
			stored := states[hit][key] != "" && states[hit-1][key] == ""
			if states[len(states)-1][key] != "" && !stored && got[key] != strings.Repeat(key, 20) {
				t.Fatalf("byte %d: item %s is %.40q", at, key, got[key])
			}
		}
		disk.names = map[string]*fakeFile{name: file}
	}
}

func segmentName(c *client) string { return c.segments[0].name }

func TestAValueThatRotsLaterIsReportedAndNotReturned(t *testing.T) {
	disk := newDisk()
	c := opened(t, disk)
	batch(t, c, set("0", "whole"), set("1", "rotten"))
	file := c.segments[0].file.(*fakeFile)
	file.data[bytes.Index(file.data, []byte("rotten"))] = 'R'
	if value, err := c.Get(t.Context(), "1"); value != nil || err != nil {
		t.Fatalf("got %q, %v", value, err)
	}
	same(t, "the other", contents(t, c), map[string]string{"0": "whole", "damaged": "yes"})
	if _, ok := disk.names[segmentName(c)+asideSuffix]; !ok {
		t.Fatal("the file is not set aside")
	}
}

func TestWhatASenderSendsIsNeverTakenForARecord(t *testing.T) {
	disk := newDisk()
	c := opened(t, disk)
	forged := appendChange(begin(nil), change{kind: kindDelete, key: "victim"})
	seal(forged, 1)
	batch(t, c, set("victim", "kept"))
	batch(t, c, set("0", string(forged)+string(forged)))
	batch(t, c, set("1", "later"))
	file := c.segments[0].file.(*fakeFile)
	// The record around it is damaged, so that the reader looks for the next.
	file.data[bytes.Index(file.data, forged)-1] ^= 1
	got := contents(t, opened(t, disk))
	same(t, "after the damage", got, map[string]string{"victim": "kept", "1": "later", "damaged": "yes"})
}

func TestAPlaceThatTheMediumCannotReadCostsThatPlaceOnly(t *testing.T) {
	disk := newDisk()
	c := opened(t, disk, func(s *settings) { s.segment = 1 << 20 })
	want := map[string]string{"damaged": "yes"}
	for number := range 9 {
		key := fmt.Sprint(number)
		want[key] = strings.Repeat(key, readChunk/3)
		batch(t, c, set(key, want[key]))
	}
	reads := 0
	disk.fail = func(operation string) error {
		if operation == "read" {
			reads++
		}
		if reads == 2 {
			return errBroken
		}
		return nil
	}
	c = opened(t, disk)
	disk.fail = nil
	got := contents(t, c)
	for key := range want {
		if _, ok := got[key]; !ok && (key < "2" || key > "5") {
			t.Fatalf("%s is gone", key)
		}
	}
	if len(got) < 6 || got["damaged"] == "" {
		t.Fatalf("%d keys are left", len(got))
	}
}

func FuzzScan(f *testing.F) {
	record := appendChange(begin(nil), change{kind: kindSet, key: "k", value: []byte("v")})
	seal(record, 5)
	f.Add(record, uint64(5))
	f.Fuzz(func(t *testing.T, data []byte, mark uint64) {
		end, damaged := scan(data, mark|1, func([]change) {})
		if end < 0 || end > len(data) || damaged < 0 || damaged > end {
			t.Fatalf("%d bytes: end %d, damaged %d", len(data), end, damaged)
		}
		found, _ := changes(data, 0)
		for _, each := range found {
			if !bytes.Equal(data[each.at:each.at+int64(len(each.value))], each.value) {
				t.Fatal("a value is not where it is said to be")
			}
		}
	})
}

func FuzzOperations(f *testing.F) {
	f.Add([]byte("0123456789abcdef"))
	f.Fuzz(func(t *testing.T, program []byte) {
		disk, want := newDisk(), map[string]string{}
		c := opened(t, disk)
		for step, code := range program {
			key := fmt.Sprint(code & 7)
			value := fmt.Sprint(step, strings.Repeat("v", int(code)))
			switch code >> 5 {
			case 0, 1, 2:
				batch(t, c, set(key, value))
				want[key] = value
			case 3, 4:
				batch(t, c, set(queueIndex, value), del(key))
				want[queueIndex] = value
				delete(want, key)
			case 5:
				batch(t, c, del(key))
				delete(want, key)
			case 6:
				batch(t, c, set(queueIndex, value), set(key, want[key]))
				want[queueIndex], want[key] = value, want[key]
			default:
				if err := c.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				c = opened(t, disk)
			}
		}
		same(t, "at the end", contents(t, c), want)
	})
}
