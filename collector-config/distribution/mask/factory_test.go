package mask

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func spanNamed(name string) ptrace.Traces {
	data := ptrace.NewTraces()
	span := data.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName(name)
	return data
}

// fails imitates a bug: it panics for one span, with the span's secret in the panic's text.
func fails(data ptrace.Traces) {
	span := data.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	if strings.Contains(span.Name(), "@") {
		panic(span.Name())
	}
}

func TestAPanicRejectsTheRequestWithoutLeakingOrForwardingIt(t *testing.T) {
	set, sink := processortest.NewNopSettings(NewFactory().Type()), new(consumertest.TracesSink)
	var log bytes.Buffer
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&log), zap.InfoLevel)
	work := failClosed(zap.New(core), fails)
	p, err := processorhelper.NewTraces(t.Context(), set, written(t), sink, work, mutates)
	if err != nil {
		t.Fatal(err)
	}
	err = p.ConsumeTraces(context.Background(), spanNamed("anna@example.org"))
	if err == nil || strings.Contains(err.Error(), "anna") || sink.SpanCount() != 0 {
		t.Errorf("%v, and %d spans went on", err, sink.SpanCount())
	}
	if said := log.String(); !strings.Contains(said, "mask.fails") || strings.Contains(said, "anna") {
		t.Errorf("the log says %s", said)
	}
	if err := p.ConsumeTraces(context.Background(), spanNamed("next")); err != nil || sink.SpanCount() != 1 {
		t.Errorf("the next request: %v", err)
	}
}

func TestTheFactoryCreatesProcessorsForAllThreeSignals(t *testing.T) {
	set, sink := processortest.NewNopSettings(NewFactory().Type()), new(consumertest.TracesSink)
	p, err := NewFactory().CreateTraces(t.Context(), set, written(t), sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.ConsumeTraces(t.Context(), spanNamed("mail anna@example.org")); err != nil {
		t.Fatal(err)
	}
	span := sink.AllTraces()[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	if span.Name() != "mail ****" || !p.Capabilities().MutatesData {
		t.Errorf("%q goes on", span.Name())
	}
	if _, err := NewFactory().CreateMetrics(t.Context(), set, written(t), consumertest.NewNop()); err != nil {
		t.Error(err)
	}
	if _, err := NewFactory().CreateLogs(t.Context(), set, written(t), consumertest.NewNop()); err != nil {
		t.Error(err)
	}
}

func TestAConfigurationThatMasksOrBoundsNothingIsRejected(t *testing.T) {
	for name, break_ := range map[string]func(*Config){
		"no keys":      func(c *Config) { c.BlockedKeyPatterns = nil },
		"no values":    func(c *Config) { c.BlockedValues = nil },
		"a bad key":    func(c *Config) { c.BlockedKeyPatterns[0] = "(" },
		"a bad value":  func(c *Config) { c.BlockedValues[0] = "(" },
		"no bounds":    func(c *Config) { c.Bounds = nil },
		"a place less": func(c *Config) { delete(c.Bounds, "log") },
		"no length":    func(c *Config) { c.Bounds["span"] = Bound{Count: 1} },
	} {
		c := written(t)
		break_(c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s: it is accepted", name)
		}
	}
}
