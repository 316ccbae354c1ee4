package bisection

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// byService returns a copy with each service's points side by side, in their order, and no metric without points.
func byService(all pmetric.Metrics) pmetric.Metrics {
	some := within(all, 0, all.DataPointCount())
	some.ResourceMetrics().Sort(func(a, b pmetric.ResourceMetrics) bool { return service(a) < service(b) })
	return some
}

// halves splits between two services if there are several: what is lost together is then one service's.
func halves(all pmetric.Metrics) [2]pmetric.Metrics {
	if at := boundary(all.ResourceMetrics()); at > 0 {
		return [2]pmetric.Metrics{resources(all, 0, at), resources(all, at, all.ResourceMetrics().Len())}
	}
	count := all.DataPointCount()
	return [2]pmetric.Metrics{within(all, 0, count/2), within(all, count/2, count)}
}

// boundary returns the index, nearest to the middle, at which another service begins, or 0 if all are one service's.
func boundary(all pmetric.ResourceMetricsSlice) int {
	middle := all.Len() / 2
	for away := range middle + 1 {
		for _, at := range [2]int{middle - away, middle + away} {
			if at > 0 && at < all.Len() && service(all.At(at-1)) != service(all.At(at)) {
				return at
			}
		}
	}
	return 0
}

// resources returns a copy with the resources from one index to before another.
func resources(all pmetric.Metrics, from, to int) pmetric.Metrics {
	some := pmetric.NewMetrics()
	for at := from; at < to; at++ {
		all.ResourceMetrics().At(at).CopyTo(some.ResourceMetrics().AppendEmpty())
	}
	return some
}

func service(resource pmetric.ResourceMetrics) string {
	value, ok := resource.Resource().Attributes().Get("service.name")
	if !ok {
		return ""
	}
	return value.AsString()
}

// described names the first metric, for a log.
func described(some pmetric.Metrics) string {
	resource := some.ResourceMetrics().At(0)
	return fmt.Sprintf("metric %.100q of service %.100q",
		resource.ScopeMetrics().At(0).Metrics().At(0).Name(), service(resource))
}

// within returns a copy with the points from one index to before another. Metrics without points are left out.
func within(all pmetric.Metrics, from, to int) pmetric.Metrics {
	some := pmetric.NewMetrics()
	all.CopyTo(some)
	at := -1
	drops := func() bool {
		at++
		return at < from || at >= to
	}
	some.ResourceMetrics().RemoveIf(func(resource pmetric.ResourceMetrics) bool {
		resource.ScopeMetrics().RemoveIf(func(scope pmetric.ScopeMetrics) bool {
			scope.Metrics().RemoveIf(func(m pmetric.Metric) bool { return emptied(m, drops) })
			return scope.Metrics().Len() == 0
		})
		return resource.ScopeMetrics().Len() == 0
	})
	return some
}

// emptied drops points of a metric and reports whether it has none.
func emptied(m pmetric.Metric, drops func() bool) bool {
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		return thinned(m.Gauge().DataPoints(), drops)
	case pmetric.MetricTypeSum:
		return thinned(m.Sum().DataPoints(), drops)
	case pmetric.MetricTypeHistogram:
		return thinned(m.Histogram().DataPoints(), drops)
	case pmetric.MetricTypeExponentialHistogram:
		return thinned(m.ExponentialHistogram().DataPoints(), drops)
	case pmetric.MetricTypeSummary:
		return thinned(m.Summary().DataPoints(), drops)
	default:
		return true
	}
}

type points[Point any] interface {
	Len() int
	RemoveIf(func(Point) bool)
}

func thinned[Point any](all points[Point], drops func() bool) bool {
	all.RemoveIf(func(Point) bool { return drops() })
	return all.Len() == 0
}
