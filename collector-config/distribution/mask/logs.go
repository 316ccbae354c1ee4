package mask

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

const (
	longestBody = 65536
	// A structured body with more brackets is masked whole; see base.yaml.
	mostBrackets = 1998
)

func (m *masker) logs(data plog.Logs) {
	for _, rl := range data.ResourceLogs().All() {
		m.resource(rl.Resource())
		schema(rl.SchemaUrl(), rl.SetSchemaUrl)
		for _, sl := range rl.ScopeLogs().All() {
			m.scope(sl.Scope())
			schema(sl.SchemaUrl(), sl.SetSchemaUrl)
			for _, record := range sl.LogRecords().All() {
				m.record(record)
			}
		}
	}
}

func (m *masker) record(record plog.LogRecord) {
	if over := m.records.trim(record.Attributes()); over > 0 {
		record.SetDroppedAttributesCount(record.DroppedAttributesCount() + uint32(over))
	}
	m.records.mask(record.Attributes(), m.texts)
	m.field(record.SeverityText(), unbounded, record.SetSeverityText)
	m.field(record.EventName(), unbounded, record.SetEventName)
	m.body(record.Body())
}

func (m *masker) body(body pcommon.Value) {
	switch body.Type() {
	case pcommon.ValueTypeEmpty:
		return
	case pcommon.ValueTypeBytes:
		if body.Bytes().Len() > 0 {
			body.SetStr(hidden)
		}
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		m.structure(body)
	default:
		m.value(body)
	}
	if body.Type() == pcommon.ValueTypeStr && len(body.Str()) > longestBody {
		body.SetStr(m.lost.cut(body.Str(), longestBody))
	}
}

func (m *masker) structure(body pcommon.Value) {
	text := body.AsString()
	brackets := strings.Count(text, "[") + strings.Count(text, "{")
	if len(text) < 2 || len(text) > longestBody || brackets > mostBrackets {
		body.SetStr(hidden)
		return
	}
	if body.Type() == pcommon.ValueTypeMap {
		body.Map().RemoveIf(func(key string, _ pcommon.Value) bool { return m.bodies.keys.judge(key) == drop })
	}
	m.nested(body)
	// Values are masked by now; only a nested key can still match.
	if m.finds(body.AsString(), m.left) {
		body.SetStr(hidden)
	}
}

// nested masks the values inside a body. A secret that is not a text is replaced by one.
func (m *masker) nested(value pcommon.Value) {
	switch value.Type() {
	case pcommon.ValueTypeMap:
		for key, each := range value.Map().All() {
			if m.bodies.keys.hides(key) {
				each.SetStr(hiddenText(each.Str()))
			} else {
				m.nested(each)
			}
		}
	case pcommon.ValueTypeSlice:
		for _, each := range value.Slice().All() {
			m.nested(each)
		}
	default:
		m.value(value)
	}
}
