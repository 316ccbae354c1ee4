package series

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// meterName is the package's path, as the Collector names a component's meter.
const meterName = "stegmaier.example/lms/collector-config/distribution/series"

// limiter drops the points of series for which there is no room.
type limiter struct {
	now func() time.Time

	mu     sync.Mutex
	census *census
}

// observe registers the figures of each service: what it has and what it lost.
func (l *limiter) observe(set processor.Settings) error {
	meter := set.MeterProvider.Meter(meterName)
	known, knownErr := meter.Int64ObservableGauge("otelcol_series_known", metric.WithUnit("{series}"),
		metric.WithDescription("Series of a service that were seen within idle_after."))
	dropped, droppedErr := meter.Int64ObservableCounter("otelcol_series_points_dropped", metric.WithUnit("{point}"),
		metric.WithDescription("Points dropped because their service has too many series."))
	limit, limitErr := meter.Int64ObservableGauge("otelcol_series_limit", metric.WithUnit("{series}"),
		metric.WithDescription("How many series a service may have."))
	if err := errors.Join(knownErr, droppedErr, limitErr); err != nil {
		return err
	}
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.census.sweep(l.now())
		o.ObserveInt64(limit, int64(l.census.bounds.PerService))
		for name, s := range l.census.services {
			of := metric.WithAttributes(attribute.String("service.name", name))
			o.ObserveInt64(known, int64(s.count), of)
			o.ObserveInt64(dropped, s.dropped, of)
		}
		return nil
	}, known, dropped, limit)
	return err
}

func (l *limiter) process(_ context.Context, data pmetric.Metrics) (pmetric.Metrics, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.census.sweep(now)
	data.ResourceMetrics().RemoveIf(func(resource pmetric.ResourceMetrics) bool {
		l.ofResource(resource, now)
		return resource.ScopeMetrics().Len() == 0
	})
	if data.ResourceMetrics().Len() == 0 {
		return data, processorhelper.ErrSkipProcessingData
	}
	return data, nil
}

func (l *limiter) ofResource(resource pmetric.ResourceMetrics, now time.Time) {
	attributes := resource.Resource().Attributes()
	name := ""
	if value, ok := attributes.Get("service.name"); ok {
		name = value.AsString()
	}
	from := sender{census: l.census, service: l.census.of(name), resource: ofMap(attributes), now: now}
	resource.ScopeMetrics().RemoveIf(func(scope pmetric.ScopeMetrics) bool {
		scope.Metrics().RemoveIf(from.removes)
		return scope.Metrics().Len() == 0
	})
}

// sender is whose metrics are being looked at.
type sender struct {
	*census
	*service
	resource uint64
	now      time.Time
}

// removes drops the points of a metric that have no room, and reports whether none is left of some.
func (s *sender) removes(m pmetric.Metric) bool {
	name := mixed(s.resource, ofText(m.Name()))
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return thinned(s, name, m.Gauge().DataPoints(), number)
	case pmetric.MetricTypeSum:
		return thinned(s, name, m.Sum().DataPoints(), number)
	case pmetric.MetricTypeHistogram:
		return thinned(s, name, m.Histogram().DataPoints(), func(p pmetric.HistogramDataPoint) int {
			return p.ExplicitBounds().Len() + 3
		})
	case pmetric.MetricTypeExponentialHistogram:
		return thinned(s, name, m.ExponentialHistogram().DataPoints(), func(pmetric.ExponentialHistogramDataPoint) int {
			return 1
		})
	case pmetric.MetricTypeSummary:
		return thinned(s, name, m.Summary().DataPoints(), func(p pmetric.SummaryDataPoint) int {
			return p.QuantileValues().Len() + 2
		})
	default:
		return false
	}
}

// number is how many series of Prometheus a number is; what the others are, is above.
func number(pmetric.NumberDataPoint) int { return 1 }

type point interface{ Attributes() pcommon.Map }

type points[Point point] interface {
	Len() int
	RemoveIf(func(Point) bool)
}

func thinned[Point point](s *sender, name uint64, all points[Point], weight func(Point) int) bool {
	before := all.Len()
	all.RemoveIf(func(p Point) bool {
		return !s.admit(s.service, mixed(name, ofMap(p.Attributes())), weight(p), s.now)
	})
	return before > 0 && all.Len() == 0
}
