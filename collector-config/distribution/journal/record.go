package journal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A record is what one Batch changes, and is valid as a whole or not at all:
//
//	mark (8) | length (4) | CRC32C of length and payload (4) | payload
//
// The mark is the segment's own random number, which its file name repeats. It is never zero, so zeros that a crash
// left behind are no record; and nobody who sends telemetry knows it, so nothing inside a value passes for a record
// when the reader looks for the next one behind a damaged place.
//
// The payload is a sequence of changes:
//
//	kind (1) | length of key (2) | length of value (4) | key | value
const (
	recordHeader = 16
	changeHeader = 7
	maxKey       = 1<<16 - 1
	maxRecord    = 1<<31 - 1

	kindSet    byte = 1
	kindDelete byte = 2
	// kindAlias gives its key the value that stands under the key that is its value: what is stored already need not
	// be written again.
	kindAlias byte = 3
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// change is one key's change; value is the new value, or the other key of an alias. at is where the value stands in
// the segment, once it is written.
type change struct {
	kind  byte
	key   string
	value []byte
	at    int64
}

// begin returns a buffer with room for a record's header, reusing the memory of `buffer`.
func begin(buffer []byte) []byte {
	return append(buffer[:0], make([]byte, recordHeader)...)
}

// appendChange appends one change to a record.
func appendChange(record []byte, each change) []byte {
	record = append(record, each.kind)
	record = binary.LittleEndian.AppendUint16(record, uint16(len(each.key)))
	record = binary.LittleEndian.AppendUint32(record, uint32(len(each.value)))
	return append(append(record, each.key...), each.value...)
}

// seal fills in the header of a record whose changes are complete.
func seal(record []byte, mark uint64) {
	binary.LittleEndian.PutUint64(record, mark)
	binary.LittleEndian.PutUint32(record[8:], uint32(len(record)-recordHeader))
	binary.LittleEndian.PutUint32(record[12:], checksum(record))
}

func checksum(record []byte) uint32 {
	return crc32.Update(crc32.Checksum(record[8:12], castagnoli), castagnoli, record[recordHeader:])
}

// payloadAt returns the payload of the record that begins at `at`, and whether there is a valid one.
func payloadAt(data []byte, at int, mark uint64) ([]byte, bool) {
	if len(data)-at < recordHeader || binary.LittleEndian.Uint64(data[at:]) != mark {
		return nil, false
	}
	length := int64(binary.LittleEndian.Uint32(data[at+8:]))
	if length == 0 || length > int64(len(data)-at-recordHeader) {
		return nil, false
	}
	record := data[at : at+recordHeader+int(length)]
	if checksum(record) != binary.LittleEndian.Uint32(record[12:]) {
		return nil, false
	}
	return record[recordHeader:], true
}

// changes returns what a payload holds; the values share its memory, and `at` counts from `offset`. ok is false if
// it is not of this format.
func changes(payload []byte, offset int64) (found []change, ok bool) {
	for rest := payload; len(rest) > 0; {
		if len(rest) < changeHeader {
			return nil, false
		}
		key := int64(binary.LittleEndian.Uint16(rest[1:]))
		value := int64(binary.LittleEndian.Uint32(rest[3:]))
		if key+value > int64(len(rest)-changeHeader) || rest[0] < kindSet || rest[0] > kindAlias {
			return nil, false
		}
		begins := changeHeader + key
		found = append(found, change{
			kind:  rest[0],
			key:   string(rest[changeHeader:begins]),
			value: rest[begins : begins+value],
			at:    offset + int64(len(payload)-len(rest)) + begins,
		})
		rest = rest[begins+value:]
	}
	return found, true
}

// scan calls visit for the changes of every valid record, in order. It returns where the last one ends, and how many
// bytes before that belong to none: a damaged place, behind which it has found the next by the mark.
func scan(data []byte, mark uint64, visit func([]change)) (end, damaged int) {
	for at := 0; at >= 0; {
		if payload, ok := payloadAt(data, at, mark); ok {
			if found, ok := changes(payload, int64(at+recordHeader)); ok {
				visit(found)
				damaged += at - end
				end = at + recordHeader + len(payload)
				at = end
				continue
			}
		}
		at = nextMark(data, at+1, mark)
	}
	return end, damaged
}

func nextMark(data []byte, from int, mark uint64) int {
	if from >= len(data) {
		return -1
	}
	found := bytes.Index(data[from:], binary.LittleEndian.AppendUint64(nil, mark))
	if found < 0 {
		return -1
	}
	return from + found
}
