package admission

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/extension/extensiontest"
)

// admitting returns a handler with these bounds, and what its receiver read, or the error that it had.
func admitting(t *testing.T, bounds *Config, inside func()) (http.Handler, *[]string) {
	t.Helper()
	made, err := create(context.Background(), extensiontest.NewNopSettings(NewFactory().Type()), bounds)
	if err != nil {
		t.Fatal(err)
	}
	wrap, _ := made.(*admission).GetHTTPHandler(context.Background())
	read := &[]string{}
	handler, _ := wrap(context.Background(), http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			body = []byte(err.Error())
		}
		*read = append(*read, string(body))
		inside()
	}))
	t.Cleanup(func() {
		if used := made.(*admission).room.used.Load(); used != 0 {
			t.Errorf("%d bytes are still taken", used)
		}
	})
	return handler, read
}

func send(handler http.Handler, kind string, body io.Reader) *http.Response {
	request := httptest.NewRequest(http.MethodPost, "/v1/traces", body)
	request.Header.Set("Content-Type", kind)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer.Result()
}

func TestARequestWithinTheBoundsArrivesAsItIs(t *testing.T) {
	handler, read := admitting(t, &Config{1 << 20, 1 << 20}, func() {})
	for _, body := range []string{"", "x", strings.Repeat("y", portion), strings.Repeat("z", 2*portion+1)} {
		if answer := send(handler, "application/x-protobuf", strings.NewReader(body)); answer.StatusCode != http.StatusOK {
			t.Errorf("%d bytes: %s", len(body), answer.Status)
		}
		if last := (*read)[len(*read)-1]; last != body {
			t.Errorf("%d of %d bytes arrived", len(last), len(body))
		}
	}
}

func TestARequestThatWouldTakeTooMuchIsNotDecoded(t *testing.T) {
	handler, read := admitting(t, &Config{many * large / 2, many * large}, func() {})
	spans := wrapped(many, nil, 1, 2, 2)
	objects := []byte("[" + strings.Repeat("{},", many) + "]")
	for kind, body := range map[string][]byte{
		"application/x-protobuf": spans, "application/json": objects, "Application/JSON; charset=utf-8": objects,
	} {
		answer := send(handler, kind, bytes.NewReader(body))
		reason, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(reason), "send fewer items") {
			t.Errorf("%s: %s %s", kind, answer.Status, reason)
		}
	}
	if len(*read) != 0 {
		t.Errorf("%d requests arrived", len(*read))
	}
}

func TestWhileOthersHaveAllTheRoomARequestIsToComeLater(t *testing.T) {
	var handler http.Handler
	var statuses []int
	inner := func() {
		if len(statuses) > 0 {
			return
		}
		statuses = append(statuses, 0)
		// The outer request has more than half of the room.
		for _, body := range [][]byte{wrapped(many, nil, 1, 2, 2), bytes.Repeat([]byte{0}, many*large)} {
			answer := send(handler, "application/x-protobuf", bytes.NewReader(body))
			statuses = append(statuses, answer.StatusCode)
			if answer.Header.Get("Retry-After") != "1" {
				t.Errorf("it is told to come %q", answer.Header.Get("Retry-After"))
			}
		}
	}
	handler, _ = admitting(t, &Config{many * (large + 4), many * large * 3 / 2}, inner)
	outer := func() int {
		return send(handler, "application/x-protobuf", bytes.NewReader(wrapped(many, nil, 1, 2, 2))).StatusCode
	}
	if status := outer(); status != http.StatusOK || len(statuses) != 3 || statuses[1] != 503 || statuses[2] != 503 {
		t.Errorf("%d outside, %v inside", status, statuses)
	}
	if status := outer(); status != http.StatusOK {
		t.Errorf("afterwards: %d", status)
	}
}

// failing is a body that cannot be read to its end.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("larger than allowed") }

func TestTheReceiverReportsABodyThatCannotBeRead(t *testing.T) {
	handler, read := admitting(t, &Config{1 << 20, 1 << 20}, func() {})
	send(handler, "application/x-protobuf", io.MultiReader(strings.NewReader("start"), failing{}))
	if len(*read) != 1 || (*read)[0] != "larger than allowed" {
		t.Errorf("it read %q", *read)
	}
}

func TestABoundThatAdmitsNothingIsRefused(t *testing.T) {
	for _, bounds := range []Config{{0, 1}, {2, 1}, {-1, -1}} {
		if bounds.Validate() == nil {
			t.Errorf("%v is valid", bounds)
		}
	}
	if err := NewFactory().CreateDefaultConfig().(*Config).Validate(); err != nil {
		t.Error(err)
	}
}
