package mask

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func counted(t *testing.T, reader metric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	sums := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		if scope.Scope.Name != meterName {
			continue
		}
		for _, each := range scope.Metrics {
			for _, point := range each.Data.(metricdata.Sum[int64]).DataPoints {
				signal, _ := point.Attributes.Value("otel.signal")
				sums[strings.TrimPrefix(each.Name, "otelcol_processor_mask_")+" of "+signal.AsString()] += point.Value
			}
		}
	}
	return sums
}

func TestWhatTheBoundsTakeIsCountedAndLoggedOnce(t *testing.T) {
	core, lines := observer.New(zap.WarnLevel)
	reader := metric.NewManualReader()
	set := processortest.NewNopSettings(NewFactory().Type())
	set.MeterProvider, set.Logger = metric.NewMeterProvider(metric.WithReader(reader)), zap.New(core)
	p, err := NewFactory().CreateTraces(t.Context(), set, written(t), consumertest.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	bounds := written(t).Bounds["span"]
	send := func() {
		data := spanNamed(strings.Repeat("n", longestName+1))
		span := data.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
		span.Attributes().PutStr("long", strings.Repeat("v", bounds.Length+1))
		span.Attributes().PutStr("no key", "")
		for i := range bounds.Count {
			span.Attributes().PutInt(fmt.Sprint("k", i), 1)
		}
		if err := p.ConsumeTraces(t.Context(), data); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.ConsumeTraces(t.Context(), spanNamed("short")); err != nil || lines.Len() != 0 {
		t.Fatalf("%v; an item within the bounds made %d lines", err, lines.Len())
	}
	send()
	send()
	if got := fmt.Sprint(counted(t, reader)); got != "map[attributes_dropped of traces:6 texts_cut of traces:4]" {
		t.Error(got)
	}
	if lines.Len() != 1 || strings.Contains(fmt.Sprint(lines.All()), "vvv") {
		t.Errorf("the lines are %v", lines.All())
	}
}
