package admission

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// message describes an OTLP message: what it takes once decoded, and where other messages are in it.
type message struct {
	// bytes that the decoded message takes without its texts.
	bytes int
	// times: a packed field takes this many times its length.
	times int
	// parts has the message of each field by the field's number; nil for every other field.
	parts []*message
}

// level is a message that is being read, and where it ends.
type level struct {
	*message
	end int
}

// ofProtobuf returns how many bytes a request takes once decoded, or a figure over the limit as soon as there is one.
// It reads in the order in which the receiver decodes, up to the first mistake, which the receiver reports.
func ofProtobuf(root *message, body []byte, limit int) int {
	total, at := len(body), 0
	open := []level{{root, len(body)}}
	for len(open) > 0 && total <= limit {
		top := open[len(open)-1]
		if at >= top.end {
			open = open[:len(open)-1]
			continue
		}
		number, kind, n := protowire.ConsumeTag(body[at:top.end])
		if n < 0 {
			break
		}
		at += n
		part := top.part(number)
		if part == nil || kind != protowire.BytesType {
			n = protowire.ConsumeFieldValue(number, kind, body[at:top.end])
			if n < 0 {
				break
			}
			at += n
			continue
		}
		length, n := protowire.ConsumeVarint(body[at:top.end])
		if n < 0 || length > uint64(top.end-at-n) {
			break
		}
		at += n
		total += part.bytes + part.times*int(length)
		if part.parts == nil {
			at += int(length)
			continue
		}
		open = append(open, level{part, at + int(length)})
	}
	return total
}

func (m *message) part(number protowire.Number) *message {
	if int(number) < len(m.parts) {
		return m.parts[number]
	}
	return nil
}

// ofJSON returns the same of a JSON body, where every object counts as a large message.
func ofJSON(body []byte) int {
	objects, inText := 0, false
	for at := 0; at < len(body); at++ {
		switch c := body[at]; {
		case inText && c == '\\':
			at++
		case c == '"':
			inText = !inText
		case c == '{' && !inText:
			objects++
		}
	}
	return len(body) + objects*large
}
