package mask

import (
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

var (
	schemaForm = regexp.MustCompile(`^https://opentelemetry\.io/schemas/[0-9.]+$`)
	everyLine  = regexp.MustCompile(`.*`)
)

// place is one kind of attributes, with their bound and the verdicts on their keys. `ours` are the names that the
// stock chain uses there temporarily; as in that chain, a sender's attribute of that name is dropped.
type place struct {
	Bound
	first map[string]bool
	keys  *keys
	lost  *tally
}

func (c *Config) place(name, unfit, ours string) (place, error) {
	if ours != "" {
		unfit += `|^redact\.(` + ours + `)$`
	}
	k, err := newKeys(unfit, c.BlockedKeyPatterns)
	p := place{Bound: c.Bounds[name], first: map[string]bool{}, keys: k}
	for _, key := range p.First {
		p.first[key] = true
	}
	return p, err
}

// trim drops the attributes over the bound, then those with an invalid key, and returns the number of the former.
func (p *place) trim(attributes pcommon.Map) int {
	before := attributes.Len()
	over := before - p.Count
	if over > 0 {
		p.limit(attributes)
	}
	unfit := false
	for key := range attributes.All() {
		unfit = unfit || p.keys.judge(key) == drop
	}
	if unfit {
		attributes.RemoveIf(func(key string, _ pcommon.Value) bool { return p.keys.judge(key) == drop })
	}
	p.lost.attributes.Add(int64(before - attributes.Len()))
	return max(over, 0)
}

func (p *place) limit(attributes pcommon.Map) {
	count := 0
	for _, key := range p.First {
		if _, ok := attributes.Get(key); ok {
			count++
		}
	}
	attributes.RemoveIf(func(key string, _ pcommon.Value) bool {
		if p.first[key] {
			return false
		}
		count++
		return count > p.Count
	})
}

// mask masks and truncates the values.
func (p *place) mask(attributes pcommon.Map, t *texts) {
	for key, value := range attributes.All() {
		if p.keys.judge(key) == hide {
			value.SetStr(hiddenText(value.AsString()))
		} else {
			t.value(value)
		}
		if value.Type() == pcommon.ValueTypeStr && len(value.Str()) > p.Length {
			value.SetStr(t.lost.cut(value.Str(), p.Length))
		}
	}
}

// value masks the value's text form; a number, a list or a map without a secret keeps its type.
func (t *texts) value(value pcommon.Value) {
	if text, changed := t.mask(value.AsString()); changed {
		value.SetStr(text)
	}
}

// field masks and truncates a text that is not an attribute.
func (t *texts) field(text string, limit int, set func(string)) {
	masked, changed := t.mask(text)
	if short := t.lost.cut(masked, limit); changed || len(short) != len(masked) {
		set(short)
	}
}

// hiddenText masks each line, as `redaction` does.
func hiddenText(text string) string {
	if !strings.Contains(text, "\n") {
		return hidden
	}
	return everyLine.ReplaceAllLiteralString(text, hidden)
}

func schema(url string, set func(string)) {
	if url != "" && !schemaForm.MatchString(url) {
		set("")
	}
}
