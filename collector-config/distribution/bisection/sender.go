package bisection

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const (
	protobuf = "application/x-protobuf"
	// most is how much of an answer is read, in bytes.
	most = 64 << 10
)

// byStore is why points were lost, as the Collector's delta_to_cumulative names its reasons.
var byStore = metric.WithAttributeSet(attribute.NewSet(attribute.String("error", "rejected")))

type sender struct {
	*bisection
	store http.RoundTripper
}

// RoundTrip answers 200 with a partial success if the store took some points of a request that it had rejected. It returns
// the store's own answer if the store took none, and any answer or error after which the exporter sends the request again:
// a store takes the same value of the same time twice.
func (s *sender) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := s.store.RoundTrip(request)
	if err != nil || !final(answer) {
		return answer, err
	}
	all, err := decoded(request)
	if err != nil || all.DataPointCount() < 2 {
		return answer, nil
	}
	reason, _ := io.ReadAll(io.LimitReader(answer.Body, most))
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(reason))
	answer.ContentLength = int64(len(reason))
	sum := outcome{reason: string(reason)}
	if again, err := s.separate(request, all, &sum); again != nil || err != nil {
		return again, err
	}
	if sum.lost == all.DataPointCount() {
		return answer, nil
	}
	s.rejected.Add(request.Context(), int64(sum.lost), byStore)
	return sum.answer(request), nil
}

// final reports whether OTLP forbids to send a request again and the reason may be one of its points.
func final(answer *http.Response) bool {
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusInternalServerError:
		return true
	}
	return false
}

// outcome is what became of a rejected request.
type outcome struct {
	lost   int
	reason string
	sample string
}

// separate sends the halves of what was rejected, the largest first, and counts what is rejected in the end. It returns an
// answer or an error only if the whole request must be sent again.
func (s *sender) separate(request *http.Request, all pmetric.Metrics, sum *outcome) (*http.Response, error) {
	rejected, started := []pmetric.Metrics{byService(all)}, time.Now()
	for sent := 0; len(rejected) > 0; rejected = rejected[1:] {
		part := rejected[0]
		count := part.DataPointCount()
		if count < 2 || sent+2 > s.bounds.Requests || time.Since(started) > s.bounds.Duration {
			sum.lost += count
			sum.sample = described(part)
			continue
		}
		for _, half := range halves(part) {
			sent++
			answer, err := s.send(request, half)
			if err != nil {
				return nil, err
			}
			if final(answer) {
				reason, _ := io.ReadAll(io.LimitReader(answer.Body, most))
				sum.reason = string(reason)
				rejected = append(rejected, half)
			} else if answer.StatusCode/100 != 2 {
				return answer, nil
			}
			_, _ = io.CopyN(io.Discard, answer.Body, most)
			_ = answer.Body.Close()
		}
	}
	return nil, nil
}

// send sends some points as the request sent all, uncompressed.
func (s *sender) send(request *http.Request, some pmetric.Metrics) (*http.Response, error) {
	body, err := pmetricotlp.NewExportRequestFromMetrics(some).MarshalProto()
	if err != nil {
		return nil, err
	}
	again, err := http.NewRequestWithContext(request.Context(), request.Method, request.URL.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	again.Header = request.Header.Clone()
	again.Header.Del("Content-Encoding")
	return s.store.RoundTrip(again)
}

// decoded returns the metrics of a request, or an error if it cannot be read again or is in another format.
func decoded(request *http.Request) (pmetric.Metrics, error) {
	none := pmetric.NewMetrics()
	if request.GetBody == nil || request.Header.Get("Content-Type") != protobuf {
		return none, errors.New("cannot be read again")
	}
	from, err := request.GetBody()
	if err != nil {
		return none, err
	}
	defer from.Close()
	plain := io.Reader(from)
	if encoding := request.Header.Get("Content-Encoding"); encoding == "gzip" {
		plain, err = gzip.NewReader(from)
	} else if encoding != "" {
		err = errors.New("unknown encoding")
	}
	if err != nil {
		return none, err
	}
	body, err := io.ReadAll(plain)
	if err != nil {
		return none, err
	}
	export := pmetricotlp.NewExportRequest()
	err = export.UnmarshalProto(body)
	return export.Metrics(), err
}

// answer returns OTLP's partial success, which the exporter logs.
func (o *outcome) answer(request *http.Request) *http.Response {
	export := pmetricotlp.NewExportResponse()
	if o.lost > 0 {
		export.PartialSuccess().SetRejectedDataPoints(int64(o.lost))
		export.PartialSuccess().SetErrorMessage(fmt.Sprintf("%s: %.500s", o.sample, o.reason))
	}
	body, _ := export.MarshalProto()
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header:        http.Header{"Content-Type": {protobuf}, "Content-Length": {strconv.Itoa(len(body))}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
	}
}
