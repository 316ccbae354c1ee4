package mask

import (
	"math"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	longestName   = 256
	longestStatus = 4096
	unbounded     = math.MaxInt
)

var queryOfURL = regexp.MustCompile(`(?s)\?.*`)

// masker serves one pipeline; concurrent requests may share it.
type masker struct {
	*texts
	left                                                      uint64 // bits of the forms that are searched for in a body after masking
	resources, scopes, spans, events, points, records, bodies place
}

func newMasker(c *Config) (*masker, error) {
	t, err := newTexts(c.BlockedValues)
	if err != nil {
		return nil, err
	}
	m := &masker{texts: t}
	for _, n := range c.LeftInBodies {
		m.left |= 1 << n
	}
	for _, each := range []struct {
		place             *place
		name, unfit, ours string
	}{
		{&m.resources, "resource", c.UnfitNames, ""},
		{&m.scopes, "scope", c.UnfitNames, "scope|version"},
		{&m.spans, "span", c.UnfitNames, "name|status|state"},
		{&m.events, "spanevent", c.UnfitNames, "name"},
		{&m.points, "datapoint", c.UnfitLabels, ""},
		{&m.records, "log", c.UnfitNames, "severity|event"},
		{&m.bodies, "log", c.UnfitNames, ""},
	} {
		if *each.place, err = c.place(each.name, each.unfit, each.ours); err != nil {
			return nil, err
		}
		each.place.lost = t.lost
	}
	return m, nil
}

func (m *masker) resource(r pcommon.Resource) {
	m.resources.trim(r.Attributes())
	m.resources.mask(r.Attributes(), m.texts)
}

func (m *masker) scope(s pcommon.InstrumentationScope) {
	m.scopes.trim(s.Attributes())
	m.scopes.mask(s.Attributes(), m.texts)
	m.field(s.Name(), unbounded, s.SetName)
	m.field(s.Version(), unbounded, s.SetVersion)
}

func (m *masker) traces(data ptrace.Traces) {
	for _, rs := range data.ResourceSpans().All() {
		m.resource(rs.Resource())
		schema(rs.SchemaUrl(), rs.SetSchemaUrl)
		for _, ss := range rs.ScopeSpans().All() {
			m.scope(ss.Scope())
			schema(ss.SchemaUrl(), ss.SetSchemaUrl)
			for _, span := range ss.Spans().All() {
				m.span(span)
			}
		}
	}
}

func (m *masker) span(span ptrace.Span) {
	if over := m.spans.trim(span.Attributes()); over > 0 {
		span.SetDroppedAttributesCount(span.DroppedAttributesCount() + uint32(over))
	}
	url, ok := span.Attributes().Get("url.full")
	if ok && url.Type() == pcommon.ValueTypeStr && strings.Contains(url.Str(), "?") {
		url.SetStr(queryOfURL.ReplaceAllLiteralString(url.Str(), "?"+hidden))
	}
	m.spans.mask(span.Attributes(), m.texts)
	m.field(span.Name(), longestName, span.SetName)
	m.field(span.Status().Message(), longestStatus, span.Status().SetMessage)
	m.field(span.TraceState().AsRaw(), unbounded, span.TraceState().FromRaw)
	for _, event := range span.Events().All() {
		if over := m.events.trim(event.Attributes()); over > 0 {
			event.SetDroppedAttributesCount(event.DroppedAttributesCount() + uint32(over))
		}
		m.events.mask(event.Attributes(), m.texts)
		m.field(event.Name(), unbounded, event.SetName)
	}
}

func (m *masker) metrics(data pmetric.Metrics) {
	for _, rm := range data.ResourceMetrics().All() {
		m.resource(rm.Resource())
		schema(rm.SchemaUrl(), rm.SetSchemaUrl)
		for _, sm := range rm.ScopeMetrics().All() {
			m.scope(sm.Scope())
			schema(sm.SchemaUrl(), sm.SetSchemaUrl)
			for _, metric := range sm.Metrics().All() {
				m.metric(metric)
			}
		}
	}
}

func (m *masker) metric(metric pmetric.Metric) {
	m.field(metric.Description(), unbounded, metric.SetDescription)
	metric.Metadata().Clear()
	switch metric.Type() {
	case pmetric.MetricTypeGauge:
		m.numbers(metric.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		m.numbers(metric.Sum().DataPoints())
	case pmetric.MetricTypeHistogram:
		for _, p := range metric.Histogram().DataPoints().All() {
			m.point(p.Attributes())
			bare(p.Exemplars())
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range metric.ExponentialHistogram().DataPoints().All() {
			m.point(p.Attributes())
			bare(p.Exemplars())
		}
	case pmetric.MetricTypeSummary:
		for _, p := range metric.Summary().DataPoints().All() {
			m.point(p.Attributes())
		}
	}
}

func (m *masker) numbers(points pmetric.NumberDataPointSlice) {
	for _, p := range points.All() {
		m.point(p.Attributes())
		bare(p.Exemplars())
	}
}

func (m *masker) point(attributes pcommon.Map) {
	m.points.trim(attributes)
	m.points.mask(attributes, m.texts)
}

func bare(exemplars pmetric.ExemplarSlice) {
	for _, e := range exemplars.All() {
		e.FilteredAttributes().Clear()
	}
}
