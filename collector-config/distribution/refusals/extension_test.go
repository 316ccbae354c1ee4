package refusals

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configmiddleware"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const token = "planted-token"

// told returns the lines as `status reason count`, and fails if a line holds anything else. A status that is not
// known is -.
func told(t *testing.T, lines *observer.ObservedLogs) []string {
	t.Helper()
	var all []string
	for _, line := range lines.All() {
		fields := line.ContextMap()
		status, known := fields["http.response.status_code"]
		if !known {
			fields["http.response.status_code"], status = nil, "-"
		}
		if len(fields) != 3 {
			t.Errorf("a line has the fields %v", fields)
		}
		all = append(all, fmt.Sprintf("%v %s %d", status, fields["reason"], fields["count"]))
	}
	return all
}

func same(t *testing.T, got []string, wanted ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(wanted, "\n") {
		t.Errorf("the lines are\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(wanted, "\n"))
	}
}

// edge is a server as the OTLP receiver makes it, with the extension as authenticator and as middleware.
func edge(t *testing.T, receiver http.HandlerFunc) (*httptest.Server, *observer.ObservedLogs) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	core, lines := observer.New(zap.WarnLevel)
	set := extensiontest.NewNopSettings(NewFactory().Type())
	set.Logger = zap.New(core)
	config := NewFactory().CreateDefaultConfig().(*bearertokenauthextension.Config)
	config.Filename = file
	made, err := NewFactory().Create(t.Context(), set, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	http := confighttp.NewDefaultServerConfig()
	http.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: set.ID}})
	http.Middlewares = []configmiddleware.Config{{ID: set.ID}}
	http.CompressionAlgorithms = []string{"", "gzip"}
	server, err := http.ToServer(t.Context(), map[component.ID]component.Component{set.ID: made},
		componenttest.NewNopTelemetrySettings(), receiver)
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(server.Handler)
	t.Cleanup(func() {
		listening.Close()
		if err := made.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return listening, lines
}

func post(t *testing.T, server *httptest.Server, given, encoding string, body []byte) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+given)
	request.Header.Set("Content-Encoding", encoding)
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// waitFor waits for a line that is written after the answer.
func waitFor(t *testing.T, lines *observer.ObservedLogs, count int) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); lines.Len() < count && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
}

func TestEachWayToBeRefusedIsToldOnce(t *testing.T) {
	server, lines := edge(t, func(w http.ResponseWriter, request *http.Request) {
		if request.Header.Get("Content-Encoding") == "" && request.ContentLength == 1 {
			w.WriteHeader(http.StatusUnsupportedMediaType)
		}
	})
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write([]byte("good")); err != nil || writer.Close() != nil {
		t.Fatal("gzip failed")
	}
	for range 3 {
		if status := post(t, server, token, "gzip", packed.Bytes()); status != http.StatusOK {
			t.Errorf("a good request was answered %d", status)
		}
	}
	same(t, told(t, lines))
	for _, each := range []struct {
		token, encoding string
		body            []byte
		status          int
	}{
		{"another", "", []byte("good"), http.StatusUnauthorized},
		{token, "gzip", []byte("no gzip"), http.StatusBadRequest},
		{token, "br", []byte("good"), http.StatusBadRequest},
		{token, "", []byte("1"), http.StatusUnsupportedMediaType},
		{"another", "", []byte("good"), http.StatusUnauthorized},
	} {
		if status := post(t, server, each.token, each.encoding, each.body); status != each.status {
			t.Errorf("%v was answered %d", each, status)
		}
		if each.status == http.StatusBadRequest {
			waitFor(t, lines, 2)
		}
	}
	same(t, told(t, lines), "401 "+noToken+" 1", "- "+unreadable+" 1", "415 Unsupported Media Type 1")
}

func TestTheCountsOfAllLinesAreAllRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, lines := observer.New(zap.WarnLevel)
		v := newVoice(zap.New(core))
		many := func(count int, kind refusal) {
			for range count {
				v.tell(kind)
			}
		}
		bad, wrong := refusal{400, "bad"}, refusal{401, "wrong"}
		many(10, bad)
		many(1, wrong)
		time.Sleep(quietFor + time.Second)
		same(t, told(t, lines), "400 bad 1", "401 wrong 1", "400 bad 9")
		// A minute without any: the next is a first one again.
		time.Sleep(quietFor)
		many(2, bad)
		many(2, wrong)
		v.close()
		got := told(t, lines)
		same(t, got[:5], "400 bad 1", "401 wrong 1", "400 bad 9", "400 bad 1", "401 wrong 1")
		if rest := strings.Join(got[5:], "\n"); rest != "400 bad 1\n401 wrong 1" && rest != "401 wrong 1\n400 bad 1" {
			t.Errorf("the end told %s", rest)
		}
		// A request may still be on its way then.
		many(1, bad)
		time.Sleep(2 * quietFor)
		if got := told(t, lines); len(got) != 8 || got[7] != "400 bad 1" {
			t.Errorf("the lines are %v", got)
		}
	})
}

func TestWithoutATokenItIsNoConfiguration(t *testing.T) {
	err := NewFactory().CreateDefaultConfig().(*bearertokenauthextension.Config).Validate()
	if err == nil || !strings.Contains(err.Error(), "no bearer token provided") {
		t.Errorf("the error is %v", err)
	}
}
