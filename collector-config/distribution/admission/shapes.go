package admission

// Bytes that a message takes once decoded, rounded up: the largest is a span with 240.
const (
	large = 256
	small = 64
)

// The messages of opentelemetry-proto 1.x that can repeat, by field number.
var (
	keyValue = &message{bytes: small}
	value    = &message{bytes: small}
	values   = &message{bytes: small, parts: []*message{1: value}}
	pairs    = &message{bytes: small, parts: []*message{1: keyValue}}
	// Eight bytes a number, and as many while the list grows.
	counts  = &message{times: 16}
	buckets = &message{parts: []*message{2: counts}}

	entity   = &message{bytes: large}
	resource = &message{parts: []*message{1: keyValue, 3: entity}}
	scope    = &message{parts: []*message{3: keyValue}}

	event = &message{bytes: large, parts: []*message{3: keyValue}}
	link  = &message{bytes: large, parts: []*message{4: keyValue}}
	span  = &message{bytes: large, parts: []*message{9: keyValue, 11: event, 13: link}}

	record = &message{bytes: large, parts: []*message{5: value, 6: keyValue}}

	exemplar  = &message{bytes: large, parts: []*message{7: keyValue}}
	quantile  = &message{bytes: small}
	number    = &message{bytes: large, parts: []*message{5: exemplar, 7: keyValue}}
	histogram = &message{bytes: large, parts: []*message{8: exemplar, 9: keyValue}}
	exponents = &message{bytes: large, parts: []*message{1: keyValue, 8: buckets, 9: buckets, 11: exemplar}}
	summary   = &message{bytes: large, parts: []*message{6: quantile, 7: keyValue}}
	oneMetric = &message{bytes: large, parts: []*message{
		5: {bytes: small, parts: []*message{1: number}}, 7: {bytes: small, parts: []*message{1: number}},
		9: {bytes: small, parts: []*message{1: histogram}}, 10: {bytes: small, parts: []*message{1: exponents}},
		11: {bytes: small, parts: []*message{1: summary}}, 12: keyValue,
	}}

	// By the end of the request's path.
	requests = map[string]*message{
		"/v1/traces": request(span), "/v1/metrics": request(oneMetric), "/v1/logs": request(record),
	}
)

func init() {
	keyValue.parts = []*message{2: value}
	value.parts = []*message{5: values, 6: pairs}
}

// request returns the message of a request: items of a scope of a resource.
func request(item *message) *message {
	ofScope := &message{bytes: large, parts: []*message{1: scope, 2: item}}
	ofResource := &message{bytes: large, parts: []*message{1: resource, 2: ofScope}}
	return &message{parts: []*message{1: ofResource}}
}
