package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

var lokiLogs = component.MustNewIDWithName("otlp_http", "loki")

func started(t testing.TB, change func(*Config)) *journal {
	t.Helper()
	config := defaults().(*Config)
	config.CreateDirectory = true
	change(config)
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	factory := NewFactory()
	made, err := factory.Create(t.Context(), extensiontest.NewNopSettings(factory.Type()), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	return made.(*journal)
}

func stopped(t testing.TB, j *journal, clients ...storage.Client) {
	t.Helper()
	for _, each := range clients {
		if err := each.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func queue(t testing.TB, j storage.Extension) storage.Client {
	t.Helper()
	c, err := j.GetClient(t.Context(), component.KindExporter, lokiLogs, "logs")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestABadSettingIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(*Config){
		"directory: must be set":        func(c *Config) { c.Directory = "" },
		"does not exist; make it":       func(c *Config) { c.Directory = file + "x" },
		"is no directory":               func(c *Config) { c.Directory = file },
		"max_size: 5 bytes are too few": func(c *Config) { c.MaxSize = 5 },
		"max_size: -1":                  func(c *Config) { c.MaxSize = -1 },
		"segment_size: 1 is not":        func(c *Config) { c.SegmentSize = 1 },
		"import_directory: must be":     func(c *Config) { c.ImportDirectory = c.Directory },
	}
	for said, change := range cases {
		config := defaults().(*Config)
		config.Directory = t.TempDir()
		change(config)
		if err := config.Validate(); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%q is not said: %v", said, err)
		}
	}
}

func TestOneProcessOwnsTheDirectory(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "new", "journal")
	first := started(t, func(c *Config) { c.Directory = directory })
	status, err := os.Stat(directory)
	if err != nil || status.Mode().Perm() != 0o700 {
		t.Fatalf("%v, %v", status.Mode(), err)
	}
	held, err := lock(directory)
	if err == nil || !strings.Contains(err.Error(), directory+" is in use by another Collector; stop that one") {
		t.Fatalf("%v, %v", held, err)
	}
	c := queue(t, first)
	if _, err := first.GetClient(t.Context(), component.KindExporter, lokiLogs, "logs"); err == nil {
		t.Fatal("a queue is opened twice")
	}
	stopped(t, first, c)
	again := started(t, func(c *Config) { c.Directory = directory })
	stopped(t, again, queue(t, again))
}

func TestEveryQueueHasAFolderWithASafeName(t *testing.T) {
	long := component.MustNewIDWithName("otlp", strings.Repeat("x", 400))
	ids := []component.ID{lokiLogs, component.MustNewIDWithName("otlp", "../../a~b c"), component.MustNewID("otlp"), long}
	seen := map[string]bool{}
	for _, id := range ids {
		for _, signal := range []string{"logs", "traces", ""} {
			name := queueName(component.KindExporter, id, signal)
			if seen[name] || strings.ContainsAny(name, "/ ") || len(name) > longestName || strings.HasPrefix(name, ".") {
				t.Errorf("%q for %s %s", name, id, signal)
			}
			seen[name] = true
		}
	}
	if name := queueName(component.KindExporter, lokiLogs, "logs"); name != "exporter_otlp_http_loki_logs" {
		t.Errorf("%s is not what file_storage calls it", name)
	}
}

// measured starts the extension in a folder, with a reader of its metrics of the one queue.
func measured(t *testing.T, directory string) (*journal, func(name string) int64) {
	t.Helper()
	telemetry := componenttest.NewTelemetry()
	factory := NewFactory()
	set := extensiontest.NewNopSettings(factory.Type())
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	config := defaults().(*Config)
	config.Directory = directory
	made, err := factory.Create(t.Context(), set, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return made.(*journal), func(name string) int64 {
		found, err := telemetry.GetMetric(name)
		if err != nil {
			t.Fatal(err)
		}
		point := found.Data.(metricdata.Gauge[int64]).DataPoints[0]
		if value, _ := point.Attributes.Value(attribute.Key("queue")); value.AsString() != "exporter_otlp_http_loki_logs" {
			t.Fatalf("queue is %q", value.AsString())
		}
		return point.Value
	}
}

func TestItReportsItsSizeAndDamagedFiles(t *testing.T) {
	directory := t.TempDir()
	j, gauge := measured(t, directory)
	c := queue(t, j)
	if err := c.Set(t.Context(), "0", []byte(strings.Repeat("x", 50_000))); err != nil {
		t.Fatal(err)
	}
	if got, want := gauge("otelcol_journal_storage_size"), onDisk(t, directory); got != want {
		t.Fatalf("%d bytes said, %d on disk", got, want)
	}
	if got := gauge("otelcol_journal_storage_damaged_files"); got != 0 {
		t.Fatalf("%d damaged", got)
	}
	files, _ := filepath.Glob(filepath.Join(directory, "*", "*"+segmentSuffix))
	if err := os.WriteFile(files[0], make([]byte, 60_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if value, err := c.Get(t.Context(), "0"); value != nil || err != nil {
		t.Fatalf("%d bytes, %v", len(value), err)
	}
	if got := gauge("otelcol_journal_storage_damaged_files"); got != 1 {
		t.Fatalf("%d damaged", got)
	}
	stopped(t, j, c)
}

func onDisk(t *testing.T, directory string) (bytes int64) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(directory, "*", "*"))
	for _, each := range files {
		status, err := os.Stat(each)
		if err != nil {
			t.Fatal(err)
		}
		bytes += status.Size()
	}
	return bytes
}
