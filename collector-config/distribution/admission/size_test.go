package admission

import (
	"bytes"
	"runtime"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/encoding/protowire"
)

const many = 50_000

// wrapped returns a message in messages, by field numbers from the outermost in; the innermost is there count times.
func wrapped(count int, body []byte, fields ...protowire.Number) []byte {
	last := len(fields) - 1
	all := bytes.Repeat(protowire.AppendBytes(protowire.AppendTag(nil, fields[last], protowire.BytesType), body), count)
	for at := last - 1; at >= 0; at-- {
		all = protowire.AppendBytes(protowire.AppendTag(nil, fields[at], protowire.BytesType), all)
	}
	return all
}

type decoder interface{ UnmarshalProto([]byte) error }

var decoders = map[string]func() decoder{
	"/v1/traces":  func() decoder { return ptraceotlp.NewExportRequest() },
	"/v1/metrics": func() decoder { return pmetricotlp.NewExportRequest() },
	"/v1/logs":    func() decoder { return plogotlp.NewExportRequest() },
}

var shapes = map[string]struct {
	path   string
	fields []protowire.Number
}{
	"resources":     {"/v1/traces", []protowire.Number{1}},
	"attributes":    {"/v1/traces", []protowire.Number{1, 1, 1}},
	"entities":      {"/v1/traces", []protowire.Number{1, 1, 3}},
	"scopes":        {"/v1/traces", []protowire.Number{1, 2}},
	"of a scope":    {"/v1/traces", []protowire.Number{1, 2, 1, 3}},
	"spans":         {"/v1/traces", []protowire.Number{1, 2, 2}},
	"of a span":     {"/v1/traces", []protowire.Number{1, 2, 2, 9}},
	"events":        {"/v1/traces", []protowire.Number{1, 2, 2, 11}},
	"of an event":   {"/v1/traces", []protowire.Number{1, 2, 2, 11, 3}},
	"links":         {"/v1/traces", []protowire.Number{1, 2, 2, 13}},
	"of a link":     {"/v1/traces", []protowire.Number{1, 2, 2, 13, 4}},
	"records":       {"/v1/logs", []protowire.Number{1, 2, 2}},
	"of a record":   {"/v1/logs", []protowire.Number{1, 2, 2, 6}},
	"values":        {"/v1/logs", []protowire.Number{1, 2, 2, 5, 5, 1}},
	"pairs":         {"/v1/logs", []protowire.Number{1, 2, 2, 5, 6, 1}},
	"metrics":       {"/v1/metrics", []protowire.Number{1, 2, 2}},
	"metadata":      {"/v1/metrics", []protowire.Number{1, 2, 2, 12}},
	"gauge points":  {"/v1/metrics", []protowire.Number{1, 2, 2, 5, 1}},
	"sum points":    {"/v1/metrics", []protowire.Number{1, 2, 2, 7, 1}},
	"of a point":    {"/v1/metrics", []protowire.Number{1, 2, 2, 7, 1, 7}},
	"exemplars":     {"/v1/metrics", []protowire.Number{1, 2, 2, 7, 1, 5}},
	"of exemplars":  {"/v1/metrics", []protowire.Number{1, 2, 2, 7, 1, 5, 7}},
	"histograms":    {"/v1/metrics", []protowire.Number{1, 2, 2, 9, 1}},
	"exponentials":  {"/v1/metrics", []protowire.Number{1, 2, 2, 10, 1}},
	"summaries":     {"/v1/metrics", []protowire.Number{1, 2, 2, 11, 1}},
	"quantiles":     {"/v1/metrics", []protowire.Number{1, 2, 2, 11, 1, 6}},
	"of an expo":    {"/v1/metrics", []protowire.Number{1, 2, 2, 10, 1, 1}},
	"of a summary":  {"/v1/metrics", []protowire.Number{1, 2, 2, 11, 1, 7}},
	"of histograms": {"/v1/metrics", []protowire.Number{1, 2, 2, 9, 1, 9}},
}

// grown returns by how much the heap grew while something was made that lives on.
func grown(t *testing.T, work func() decoder) int {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	made := work()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(made)
	return int(after.HeapAlloc) - int(before.HeapAlloc)
}

func TestADecodedRequestTakesNoMoreThanEstimated(t *testing.T) {
	for name, shape := range shapes {
		body := wrapped(many, nil, shape.fields...)
		estimate := ofProtobuf(requests[shape.path], body, 1<<40)
		taken := grown(t, func() decoder {
			made := decoders[shape.path]()
			if err := made.UnmarshalProto(body); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return made
		})
		if taken > estimate || estimate < many*small {
			t.Errorf("%s: %d bytes are taken, %d were estimated for %d", name, taken, estimate, many)
		}
	}
}

func TestAPackedFieldCountsWithWhatItsNumbersTake(t *testing.T) {
	body := wrapped(1, make([]byte, many), 1, 2, 2, 10, 1, 8, 2)
	if size := ofProtobuf(requests["/v1/metrics"], body, 1<<40); size < 8*many {
		t.Errorf("%d bytes were estimated for %d numbers", size, many)
	}
}

func TestReadingStopsAtTheLimit(t *testing.T) {
	body := wrapped(many, nil, 1, 2, 2)
	if size := ofProtobuf(requests["/v1/traces"], body, len(body)+10*large); size > len(body)+11*large {
		t.Errorf("it read on to %d", size)
	}
}

func TestDepthIsOnlyASize(t *testing.T) {
	var body []byte
	for range 10_000 {
		body = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), body)
		body = protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), body)
	}
	if size := ofProtobuf(requests["/v1/logs"], wrapped(1, body, 1, 2, 2, 5), 1<<40); size < 20_000*small {
		t.Errorf("%d bytes were estimated", size)
	}
}

// A mistake is for the receiver to report: the estimate is that of what comes before it.
func TestABrokenBodyIsReadUpToItsMistake(t *testing.T) {
	body := wrapped(3, []byte{0x0a, 1, 'x'}, 1, 2, 2)
	for end := range body {
		if size := ofProtobuf(requests["/v1/traces"], body[:end], 1<<40); size > len(body)+5*large {
			t.Errorf("%d bytes were estimated for the first %d", size, end)
		}
	}
	for _, broken := range [][]byte{{0xff}, {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, {0x0b}} {
		if size := ofProtobuf(requests["/v1/logs"], broken, 1<<40); size != len(broken) {
			t.Errorf("%x: %d bytes were estimated", broken, size)
		}
	}
}

func TestEveryObjectOfJSONCountsAndNoText(t *testing.T) {
	for body, objects := range map[string]int{
		`{"resourceSpans":[{},{}]}`: 3, `{"a":"{{\"{"}`: 1, `{"a":"\\"}{`: 2, `"{`: 0, ``: 0,
	} {
		if size := ofJSON([]byte(body)); size != len(body)+objects*large {
			t.Errorf("%s: %d bytes were estimated", body, size)
		}
	}
}
