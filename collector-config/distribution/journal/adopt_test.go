package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// left makes the database that a file_storage leaves, and returns what it holds.
func left(t testing.TB, directory string, items int) map[string]string {
	t.Helper()
	factory := filestorage.NewFactory()
	config := factory.CreateDefaultConfig().(*filestorage.Config)
	config.Directory = directory
	made, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), config)
	if err != nil {
		t.Fatal(err)
	}
	c := queue(t, made.(storage.Extension))
	want := map[string]string{queueIndex: "index"}
	for number := range items {
		want[fmt.Sprint(number)] = content(number)
	}
	for key, value := range want {
		if err := c.Set(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return want
}

func TestItTakesOverWhatAFileStorageKept(t *testing.T) {
	old, directory := t.TempDir(), t.TempDir()
	want := left(t, old, 3000)
	with := func(c *Config) { c.Directory, c.ImportDirectory = directory, old }
	for range 2 {
		j := started(t, with)
		c := queue(t, j).(*client)
		same(t, "taken over", contents(t, c), want)
		if entries, _ := os.ReadDir(old); len(entries) != 0 {
			t.Fatalf("%v is left", entries)
		}
		stopped(t, j, c)
	}
}

func TestAKillWhileItTakesOverLosesNothing(t *testing.T) {
	old, directory := t.TempDir(), t.TempDir()
	want := left(t, old, 100)
	database := filepath.Join(old, "exporter_otlp_http_loki_logs")
	kept, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	status, _ := os.Stat(database)
	j := started(t, func(c *Config) { c.Directory, c.ImportDirectory = directory, old })
	// Killed before the copy took its place: half a copy is there.
	if err := os.MkdirAll(filepath.Join(directory, importing, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := queue(t, j).(*client)
	same(t, "after half a copy", contents(t, c), want)
	// Killed before the old file was removed: what is delivered by now does not come back.
	batch(t, c, del("0"), set(queueIndex, "later"))
	want[queueIndex] = "later"
	delete(want, "0")
	if err := errors.Join(c.Close(t.Context()), os.WriteFile(database, kept, 0o600),
		os.Chtimes(database, status.ModTime(), status.ModTime())); err != nil {
		t.Fatal(err)
	}
	c = queue(t, j).(*client)
	same(t, "after the copy", contents(t, c), want)
	stopped(t, j, c)
}

func TestADatabaseInUseIsLeftAlone(t *testing.T) {
	old, directory := t.TempDir(), t.TempDir()
	left(t, old, 3)
	database := filepath.Join(old, "exporter_otlp_http_loki_logs")
	user, err := bbolt.Open(database, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	j := started(t, func(c *Config) { c.Directory, c.ImportDirectory = directory, old })
	_, err = j.GetClient(t.Context(), component.KindExporter, lokiLogs, "logs")
	if err == nil || !strings.Contains(err.Error(), database+" is in use by another Collector") {
		t.Fatalf("got %v", err)
	}
	if err := user.Close(); err != nil {
		t.Fatal(err)
	}
	stopped(t, j, queue(t, j))
}

func TestTwoQueuesAreNotMixed(t *testing.T) {
	old, directory := t.TempDir(), t.TempDir()
	j := started(t, func(c *Config) { c.Directory, c.ImportDirectory = directory, old })
	c := queue(t, j)
	if err := c.Batch(t.Context(), set(queueIndex, "1"), set("0", "own")); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := left(t, old, 3)
	_, err := j.GetClient(t.Context(), component.KindExporter, lokiLogs, "logs")
	if err == nil || !strings.Contains(err.Error(), "hold items of one queue: start once without import_directory") {
		t.Fatalf("got %v", err)
	}
	j.config.ImportDirectory = ""
	c = queue(t, j)
	same(t, "its own", contents(t, c.(*client)), map[string]string{queueIndex: "1", "0": "own"})
	if err := c.Batch(t.Context(), set(queueIndex, "2"), del("0")); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.config.ImportDirectory = old
	c = queue(t, j)
	same(t, "once its own are delivered", contents(t, c.(*client)), want)
	stopped(t, j, c)
}

func TestADrainedOrBrokenDatabaseIsToldApart(t *testing.T) {
	old, directory := t.TempDir(), t.TempDir()
	left(t, old, 0)
	j := started(t, func(c *Config) { c.Directory, c.ImportDirectory = directory, old })
	c := queue(t, j).(*client)
	same(t, "drained", contents(t, c), map[string]string{})
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	left(t, old, 500)
	database := filepath.Join(old, "exporter_otlp_http_loki_logs")
	whole, _ := os.ReadFile(database)
	for name, broken := range map[string][]byte{
		"cut": whole[:len(whole)/3], "head": append(make([]byte, 8192), whole[8192:]...),
		"pages": slices.Concat(whole[:8192], slices.Repeat([]byte{0xa5}, len(whole)-8192)),
	} {
		if err := os.WriteFile(database, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := j.GetClient(t.Context(), component.KindExporter, lokiLogs, "logs")
		if err == nil || !strings.Contains(err.Error(), database+" cannot be taken over; if it is broken, move it away") {
			t.Fatalf("%s: %v", name, err)
		}
		if now, _ := os.ReadFile(database); len(now) != len(broken) {
			t.Fatalf("%s: the database was touched", name)
		}
	}
	stopped(t, j)
}
