package bisection

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// store takes a request whole or not at all, as Prometheus does.
type store struct {
	t *testing.T
	// status is what it answers to a request with a bad point.
	status int
	bad    func(name string) bool
	asked  int
	names  []string
}

func (s *store) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	s.asked++
	all, err := decoded(&http.Request{Header: request.Header, GetBody: func() (io.ReadCloser, error) { return request.Body, nil }})
	if err != nil {
		s.t.Error(err)
	}
	if request.Header.Get("Authorization") != "Basic x" {
		s.t.Error("a request without the login")
	}
	names := namesOf(all)
	if slices.ContainsFunc(names, s.bad) {
		http.Error(w, "a point is bad", s.status)
		return
	}
	s.names = append(s.names, names...)
}

func namesOf(all pmetric.Metrics) []string {
	var names []string
	within(all, 0, all.DataPointCount()).ResourceMetrics().RemoveIf(func(resource pmetric.ResourceMetrics) bool {
		resource.ScopeMetrics().At(0).Metrics().RemoveIf(func(m pmetric.Metric) bool {
			names = append(names, m.Name())
			return false
		})
		return false
	})
	return names
}

// sent sends a gauge of each name, of services in turn, and returns the answer and what it says.
func sent(t *testing.T, to *store, bounds Config, encoding string, services int, names []string) (*http.Response, pmetricotlp.ExportPartialSuccess) {
	t.Helper()
	to.t = t
	server := httptest.NewServer(to)
	defer server.Close()
	all := pmetric.NewMetrics()
	for at, name := range names {
		resource := all.ResourceMetrics().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", fmt.Sprintf("service %d", at%services))
		metric := resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		metric.SetName(name)
		metric.SetEmptyGauge().DataPoints().AppendEmpty()
	}
	body, _ := pmetricotlp.NewExportRequestFromMetrics(all).MarshalProto()
	if encoding == "gzip" {
		var small bytes.Buffer
		writer := gzip.NewWriter(&small)
		_, _ = writer.Write(body)
		_ = writer.Close()
		body = small.Bytes()
	}
	request, _ := http.NewRequest(http.MethodPost, server.URL, bytes.NewReader(body))
	request.Header = http.Header{"Content-Type": {protobuf}, "Authorization": {"Basic x"}}
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	made, err := create(context.Background(), extensiontest.NewNopSettings(NewFactory().Type()), &bounds)
	if err != nil {
		t.Fatal(err)
	}
	wrap, _ := made.(*bisection).GetHTTPRoundTripper(context.Background())
	transport, _ := wrap(context.Background(), http.DefaultTransport)
	answer, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	export := pmetricotlp.NewExportResponse()
	if answer.Header.Get("Content-Type") == protobuf {
		if err := export.UnmarshalProto(text); err != nil {
			t.Fatal(err)
		}
	}
	return answer, export.PartialSuccess()
}

var usual = *NewFactory().CreateDefaultConfig().(*Config)

func named(good, bad int) []string {
	var names []string
	for at := range good {
		names = append(names, fmt.Sprintf("good %d", at))
	}
	for at := range bad {
		names = slices.Insert(names, (at*7919)%(len(names)+1), fmt.Sprintf("bad %d", at))
	}
	return names
}

func isBad(name string) bool { return strings.HasPrefix(name, "bad") }

func TestOnlyTheBadPointsAreLost(t *testing.T) {
	for _, status := range []int{400, 413, 500} {
		for _, encoding := range []string{"", "gzip"} {
			to := &store{status: status, bad: isBad}
			answer, partial := sent(t, to, usual, encoding, 3, named(500, 5))
			if answer.StatusCode != http.StatusOK || partial.RejectedDataPoints() != 5 {
				t.Errorf("%d %q: %s, %d are lost", status, encoding, answer.Status, partial.RejectedDataPoints())
			}
			slices.Sort(to.names)
			if len(to.names) != 500 || len(slices.Compact(to.names)) != 500 {
				t.Errorf("%d %q: %d were taken", status, encoding, len(to.names))
			}
			if text := partial.ErrorMessage(); !strings.HasPrefix(text, `metric "bad `) || !strings.Contains(text, "a point is bad") {
				t.Errorf("%d %q: %s", status, encoding, text)
			}
		}
	}
}

func TestWhatTheStoreTakesIsSentOnce(t *testing.T) {
	to := &store{status: 400, bad: isBad}
	answer, partial := sent(t, to, usual, "", 1, named(500, 0))
	if to.asked != 1 || answer.StatusCode != http.StatusOK || partial.RejectedDataPoints() != 0 {
		t.Errorf("%d requests, %s", to.asked, answer.Status)
	}
}

func TestOtherAnswersAreTheExporters(t *testing.T) {
	for _, status := range []int{401, 404, 429, 503} {
		to := &store{status: status, bad: isBad}
		if answer, _ := sent(t, to, usual, "", 1, named(10, 1)); to.asked != 1 || answer.StatusCode != status {
			t.Errorf("%d: %d requests, %s", status, to.asked, answer.Status)
		}
	}
}

func TestAStoreThatTakesNothingGivesItsOwnAnswer(t *testing.T) {
	for _, names := range [][]string{named(0, 1), named(0, 300)} {
		to := &store{status: 500, bad: isBad}
		answer, _ := sent(t, to, usual, "", 1, names)
		if answer.StatusCode != 500 || to.asked > 1+usual.Requests {
			t.Errorf("%s after %d requests", answer.Status, to.asked)
		}
	}
}

func TestAnUnknownEncodingIsNotTouched(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400) }))
	defer server.Close()
	request, _ := http.NewRequest(http.MethodPost, server.URL, strings.NewReader("?"))
	request.Header = http.Header{"Content-Type": {protobuf}, "Content-Encoding": {"zstd"}}
	if answer, err := (&sender{store: http.DefaultTransport}).RoundTrip(request); err != nil || answer.StatusCode != 400 {
		t.Error(answer, err)
	}
}

func TestAnAnswerThatIsRetriedEndsItAndLosesNothing(t *testing.T) {
	to := &store{status: 400}
	to.bad = func(name string) bool {
		if to.asked == 4 {
			to.status = 503
		}
		return isBad(name)
	}
	if answer, _ := sent(t, to, usual, "", 1, named(64, 1)); answer.StatusCode != http.StatusServiceUnavailable {
		t.Error(answer.Status)
	}
}

func TestAServiceWithMoreBadPointsThanCanBeSeparatedCostsTheOthersNone(t *testing.T) {
	names := named(900, 0)
	for at := 0; at < len(names); at += 3 {
		names[at] = fmt.Sprintf("bad %d", at)
	}
	to := &store{status: 400, bad: isBad}
	answer, partial := sent(t, to, usual, "", 3, names)
	if answer.StatusCode != http.StatusOK || partial.RejectedDataPoints() != 300 || len(to.names) != 600 {
		t.Errorf("%s, %d are lost, %d were taken", answer.Status, partial.RejectedDataPoints(), len(to.names))
	}
	if to.asked > 1+usual.Requests {
		t.Errorf("%d requests", to.asked)
	}
}

func TestTimeEndsIt(t *testing.T) {
	to := &store{status: 400, bad: isBad}
	sent(t, to, Config{Requests: 200, Duration: time.Nanosecond}, "", 1, named(64, 1))
	if to.asked != 1 {
		t.Errorf("%d requests", to.asked)
	}
}

func TestPointsOfEveryTypeAreSplit(t *testing.T) {
	all := pmetric.NewMetrics()
	metrics := all.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for range 2 {
		metrics.AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
		metrics.AppendEmpty().SetEmptySum().DataPoints().AppendEmpty()
		metrics.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty()
		metrics.AppendEmpty().SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
		metrics.AppendEmpty().SetEmptySummary().DataPoints().AppendEmpty()
		metrics.AppendEmpty()
	}
	for at := range 10 {
		if some := within(all, at, at+1); some.DataPointCount() != 1 || some.MetricCount() != 1 {
			t.Errorf("%d: %d points of %d metrics", at, some.DataPointCount(), some.MetricCount())
		}
	}
	if all.DataPointCount() != 10 || all.MetricCount() != 12 {
		t.Error("the whole has changed")
	}
}

func TestABoundThatSeparatesNothingIsRefused(t *testing.T) {
	for _, bounds := range []Config{{1, time.Second}, {2, 0}} {
		if bounds.Validate() == nil {
			t.Errorf("%v is valid", bounds)
		}
	}
	if err := usual.Validate(); err != nil {
		t.Error(err)
	}
}
