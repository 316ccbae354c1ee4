package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"sync/atomic"
	"time"
)

// PostgreSQL may stop or restart behind FerretDB. FerretDB then returns an internal error
// with pgx's message, which drivers take for a server bug and the platform for an unexpected
// failure. A MongoDB that stops drops its connections, which drivers can handle, so the gate
// drops them too.
var errBackendGone = errors.New("PostgreSQL does not answer FerretDB")

// pgx's pool tests a connection before use only if it was idle for more than a second. Of
// the connections that a PostgreSQL restart has cut, it would hand out the more recently used
// ones, one after another. So no request is passed on until all have been idle for long enough.
const untestedFor = 1100 * time.Millisecond

// pgx's messages about a connection that was cut: SQLSTATE class 57 (PostgreSQL's documentation,
// appendix A), or the operating system's error.
var cutSigns = []string{
	"(SQLSTATE 57P01)", "(SQLSTATE 57P02)", "unexpected EOF", "conn closed",
	"connection reset by peer", "broken pipe",
}

// pgx's messages if PostgreSQL is not running or not yet accepting connections.
var absentSigns = []string{"connection refused", "(SQLSTATE 57P03)"}

// reconnection delays requests until no cut PostgreSQL connection can serve them.
type reconnection struct {
	from atomic.Int64 // Unix nanoseconds at which requests may be passed on
}

// wait returns once pgx tests every connection before use.
func (r *reconnection) wait() {
	time.Sleep(time.Until(time.Unix(0, r.from.Load())))
}

// check returns errBackendGone if the reply says that PostgreSQL is unavailable.
func (r *reconnection) check(reply []byte) error {
	message := internalError(reply)
	if containsAny(message, cutSigns) {
		r.from.Store(time.Now().Add(untestedFor).UnixNano())
		return errBackendGone
	}
	if containsAny(message, absentSigns) {
		return errBackendGone
	}
	return nil
}

// The bytes of a reply {ok: 0.0, errmsg: ..., code: 1, ...} before and after the text.
var (
	failureBegins = []byte("\x01ok\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02errmsg\x00")
	internalCode  = []byte("\x10code\x00\x01\x00\x00\x00")
)

// internalError returns the text of FerretDB's reply if it is an internal error, else "".
func internalError(reply []byte) string {
	body, ok := commandBody(reply)
	if !ok || len(body) < bsonFirstElement {
		return ""
	}
	text, ok := bytes.CutPrefix(body[bsonFirstElement:], failureBegins)
	if !ok || len(text) < 4 {
		return ""
	}
	size := int(binary.LittleEndian.Uint32(text)) // with the zero byte at the end
	text = text[4:]
	if size < 1 || size > len(text) || !bytes.HasPrefix(text[size:], internalCode) {
		return ""
	}
	return string(text[:size-1])
}

func containsAny(text string, signs []string) bool {
	for _, sign := range signs {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
