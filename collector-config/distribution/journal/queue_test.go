package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
)

// host has one storage extension.
type host struct {
	id      component.ID
	storage component.Component
}

func (h host) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{h.id: h.storage}
}

// onFakeDisk is a storage extension whose clients are on one fake disk.
type onFakeDisk struct {
	component.StartFunc
	component.ShutdownFunc
	t    *testing.T
	disk *fakeDisk
}

func (e onFakeDisk) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return opened(e.t, e.disk, func(s *settings) { s.segment = 1 << 16 }), nil
}

// sink is a store that may be down.
type sink struct {
	mu   sync.Mutex
	down bool
	got  map[string]int
}

func (s *sink) consume(_ context.Context, logs plog.Logs) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errors.New("down")
	}
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				s.got[record.Body().AsString()]++
			}
		}
	}
	return nil
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

func running(t *testing.T, where component.Component, to *sink) exporter.Logs {
	t.Helper()
	id := component.MustNewIDWithName("journal_storage", "queues")
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.StorageID = &id
	queue.NumConsumers = 3
	queue.QueueSize = 10_000
	queue.Batch = configoptional.None[exporterhelper.BatchConfig]()
	made, err := exporterhelper.NewLogs(t.Context(), exportertest.NewNopSettings(component.MustNewType("test")), struct{}{},
		to.consume, exporterhelper.WithQueue(configoptional.Some(queue)),
		exporterhelper.WithRetry(forever()))
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Start(t.Context(), host{id, where}); err != nil {
		t.Fatal(err)
	}
	return made
}

func forever() configretry.BackOffConfig {
	retry := configretry.NewDefaultBackOffConfig()
	retry.MaxElapsedTime, retry.InitialInterval = 0, time.Millisecond
	return retry
}

func record(number int) plog.Logs {
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(fmt.Sprint(number))
	return logs
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal(what)
		}
	}
}

// The real queue is killed with items under way, over and over, and each time while it begins.
func TestTheExportersQueueLosesNothingOverManyKills(t *testing.T) {
	disk := newDisk()
	to := &sink{down: true, got: map[string]int{}}
	sent := 0
	for range 15 {
		exporter := running(t, onFakeDisk{t: t, disk: disk}, to)
		for range 20 {
			if err := exporter.ConsumeLogs(t.Context(), record(sent)); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		// A kill: what comes after it reaches no disk.
		disk = disk.copy()
		if err := exporter.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	to.down = false
	last := running(t, onFakeDisk{t: t, disk: disk}, to)
	eventually(t, "not all is delivered", func() bool { return to.count() == sent })
	if err := last.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for number := range sent {
		if to.got[strconv.Itoa(number)] == 0 {
			t.Errorf("%d is lost", number)
		}
	}
}

// An item costs one sync, whatever the queue does around it: the key of its index is the one that client knows.
func TestTheExportersQueueSyncsOncePerRequest(t *testing.T) {
	disk := newDisk()
	to := &sink{got: map[string]int{}}
	exporter := running(t, onFakeDisk{t: t, disk: disk}, to)
	before := disk.done["sync"]
	for number := range 200 {
		if err := exporter.ConsumeLogs(t.Context(), record(number)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "not all is delivered", func() bool { return to.count() == 200 })
	if err := exporter.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if synced := disk.done["sync"] - before; synced < 200 || synced > 205 {
		t.Fatalf("%d syncs for 200 requests", synced)
	}
}

const childFolder = "JOURNAL_TEST_FOLDER"

// TestChild is the process that TestWhatAKilledProcessAcknowledgedIsThere kills: it stores item after item, and says
// which it has.
func TestChild(t *testing.T) {
	directory := os.Getenv(childFolder)
	if directory == "" {
		t.Skip("run by another test")
	}
	first, _ := strconv.Atoi(os.Getenv("JOURNAL_TEST_FIRST"))
	j := started(t, func(c *Config) { c.Directory, c.SegmentSize = directory, leastSegment })
	c := queue(t, j)
	for number := first; ; number++ {
		key := fmt.Sprint(number)
		batch(t, c.(*client), set(queueIndex, key), set(key, content(number)))
		fmt.Println("stored", number)
		if number%3 == 0 {
			batch(t, c.(*client), set(queueIndex, key), del(key))
		}
	}
}

func TestWhatAKilledProcessAcknowledgedIsThere(t *testing.T) {
	directory := t.TempDir()
	acknowledged := 0
	// The deletion of the last before a kill may have been done, or not.
	lasts := map[int]bool{}
	for run := range 6 {
		acknowledged = killedAfter(t, directory, acknowledged, 150+70*run)
		lasts[acknowledged-1] = true
		j := started(t, func(c *Config) { c.Directory = directory })
		c := queue(t, j)
		for number := range acknowledged {
			value, err := c.Get(t.Context(), fmt.Sprint(number))
			if deleted := number%3 == 0; !deleted && string(value) != content(number) ||
				deleted && !lasts[number] && value != nil {
				t.Fatalf("run %d: item %d of %d is %.40q, %v", run, number, acknowledged, value, err)
			}
		}
		stopped(t, j, c)
	}
}

// killedAfter runs TestChild until it has acknowledged so many more items, kills it, and returns how many there are.
func killedAfter(t *testing.T, directory string, first, more int) int {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestChild$")
	child.Env = append(os.Environ(), childFolder+"="+directory, fmt.Sprint("JOURNAL_TEST_FIRST=", first))
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := first
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if number, ok := strings.CutPrefix(lines.Text(), "stored "); ok {
			last, _ := strconv.Atoi(number)
			acknowledged = last + 1
		}
		if acknowledged == first+more {
			_ = child.Process.Kill()
		}
	}
	_ = child.Wait()
	if acknowledged < first+more {
		t.Fatalf("the child ended after %d: %s", acknowledged, slices.Clip(said))
	}
	return acknowledged
}
