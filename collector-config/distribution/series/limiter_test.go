package series

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/collector/processor/processortest"
)

var start = time.Unix(1_795_500_000, 0)

func limiting(t *testing.T, bounds Config) *limiter {
	t.Helper()
	if err := bounds.Validate(); err != nil {
		t.Fatal(err)
	}
	made := &limiter{census: newCensus(&bounds), now: func() time.Time { return start }}
	if err := made.observe(processortest.NewNopSettings(NewFactory().Type())); err != nil {
		t.Fatal(err)
	}
	return made
}

// of returns an empty batch of a service, and its metrics.
func of(service string) (pmetric.Metrics, pmetric.MetricSlice) {
	batch := pmetric.NewMetrics()
	resource := batch.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", service)
	return batch, resource.ScopeMetrics().AppendEmpty().Metrics()
}

// kept sends gauges with these names and returns how many points were passed on.
func kept(t *testing.T, l *limiter, service string, names ...string) int {
	t.Helper()
	batch, metrics := of(service)
	for _, name := range names {
		metric := metrics.AppendEmpty()
		metric.SetName(name)
		metric.SetEmptyGauge().DataPoints().AppendEmpty()
	}
	out, err := l.process(context.Background(), batch)
	if err != nil && !errors.Is(err, processorhelper.ErrSkipProcessingData) {
		t.Fatal(err)
	}
	return out.DataPointCount()
}

func named(count int) []string {
	names := make([]string, count)
	for at := range names {
		names[at] = fmt.Sprintf("metric.%d", at)
	}
	return names
}

func TestTheSurplusOfAServiceIsDroppedAndCountedAndItsFirstSeriesStay(t *testing.T) {
	l := limiting(t, Config{PerService: 10, AllTogether: 100, IdleAfter: time.Hour})
	for range 3 {
		if got := kept(t, l, "greedy", named(15)...); got != 10 {
			t.Errorf("%d points were passed on", got)
		}
	}
	if got := kept(t, l, "greedy", named(15)[10:]...); got != 0 {
		t.Errorf("%d points of the surplus alone were passed on", got)
	}
	if got := kept(t, l, "modest", named(10)...); got != 10 {
		t.Errorf("%d points of another service were passed on", got)
	}
	if dropped := l.census.services["greedy"].dropped; dropped != 20 {
		t.Errorf("%d points were counted", dropped)
	}
	if dropped := l.census.services["modest"].dropped; dropped != 0 {
		t.Errorf("%d points of another service were counted", dropped)
	}
}

func TestASeriesIsWhatItsResourceNameAndAttributesAreInAnyOrder(t *testing.T) {
	l := limiting(t, Config{PerService: 100, AllTogether: 100, IdleAfter: time.Hour})
	for _, each := range []struct {
		instance, name string
		keys           []string
	}{{"1", "a", []string{"x", "y"}}, {"1", "a", []string{"y", "x"}}, {"2", "a", []string{"x", "y"}},
		{"1", "b", []string{"x", "y"}}, {"1", "a", []string{"x"}}} {
		batch, metrics := of("s")
		batch.ResourceMetrics().At(0).Resource().Attributes().PutStr("service.instance.id", each.instance)
		metric := metrics.AppendEmpty()
		metric.SetName(each.name)
		point := metric.SetEmptySum().DataPoints().AppendEmpty()
		for _, key := range each.keys {
			point.Attributes().PutStr(key, "value of "+key)
		}
		if _, err := l.process(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if count := l.census.services["s"].count; count != 4 {
		t.Errorf("%d series were counted", count)
	}
}

func TestAHistogramIsAsManySeriesAsPrometheusMakesOfIt(t *testing.T) {
	l := limiting(t, Config{PerService: 20, AllTogether: 20, IdleAfter: time.Hour})
	send := func(bounds, quantiles int) int {
		batch, metrics := of("s")
		metric := metrics.AppendEmpty()
		metric.SetName("h")
		metric.SetEmptyHistogram().DataPoints().AppendEmpty().ExplicitBounds().FromRaw(make([]float64, bounds))
		metric = metrics.AppendEmpty()
		metric.SetName("e")
		metric.SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
		metric = metrics.AppendEmpty()
		metric.SetName("s")
		values := metric.SetEmptySummary().DataPoints().AppendEmpty().QuantileValues()
		for range quantiles {
			values.AppendEmpty()
		}
		metrics.AppendEmpty().SetName("no type")
		out, err := l.process(context.Background(), batch)
		if err != nil {
			t.Fatal(err)
		}
		return out.DataPointCount()
	}
	if got := send(5, 2); got != 3 || l.census.total != 5+3+1+2+2 {
		t.Errorf("%d points, %d series", got, l.census.total)
	}
	// More buckets than there is room for, and fewer again.
	if got := send(15, 2); got != 2 || l.census.services["s"].dropped != 1 {
		t.Errorf("%d points were passed on", got)
	}
	if got := send(4, 1); got != 3 || l.census.total != 13 {
		t.Errorf("%d points, %d series", got, l.census.total)
	}
}

func TestWhatWasNotSeenForLongMakesRoom(t *testing.T) {
	l := limiting(t, Config{PerService: 10, AllTogether: 10, IdleAfter: time.Hour})
	now := start
	l.now = func() time.Time { return now }
	kept(t, l, "s", named(10)...)
	now = now.Add(45 * time.Minute)
	if got := kept(t, l, "s", append(named(5), "new.1")...); got != 5 {
		t.Errorf("%d points while there is no room", got)
	}
	now = now.Add(30 * time.Minute)
	if got := kept(t, l, "s", "new.1", "new.2", "new.3", "new.4", "new.5", "new.6"); got != 5 {
		t.Errorf("%d points after five series were forgotten", got)
	}
	if l.census.total != 10 {
		t.Errorf("%d series are known", l.census.total)
	}
}

func TestServicesThatAreInventedTakeBoundedRoomAndNames(t *testing.T) {
	l := limiting(t, Config{PerService: 5, AllTogether: 1000, IdleAfter: time.Hour})
	for number := range 2 * mostNamed {
		kept(t, l, fmt.Sprintf("service %d", number), named(10)...)
	}
	if len(l.census.services) != mostNamed+1 {
		t.Errorf("%d services have figures", len(l.census.services))
	}
	if l.census.total > 1000 || len(l.census.services[others].seen) > 5 {
		t.Errorf("%d series are known, %d of the others", l.census.total, len(l.census.services[others].seen))
	}
}

func TestABoundThatAdmitsNothingIsRefused(t *testing.T) {
	for _, bounds := range []Config{{0, 1, time.Hour}, {2, 1, time.Hour}, {1, 1, 0}} {
		if bounds.Validate() == nil {
			t.Errorf("%v is valid", bounds)
		}
	}
	if err := NewFactory().CreateDefaultConfig().(*Config).Validate(); err != nil {
		t.Error(err)
	}
}
