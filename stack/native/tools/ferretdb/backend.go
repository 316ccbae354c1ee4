package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"sync/atomic"
	"time"
)

// PostgreSQL may end, or be started again, behind FerretDB. FerretDB then answers with an
// internal error that repeats what pgx said: to a driver that is a bug of the server, to the
// platform a failure that nobody foresaw. A MongoDB that ends drops its connections, and
// drivers know what to do. So the gate drops them, too.
var errBackendGone = errors.New("PostgreSQL does not answer FerretDB")

// A pool of pgx tests a connection before its use if it was idle for more than a second. Of
// those that a restart of PostgreSQL has cut, it would hand out the younger ones: a client
// would meet one after the other. No request is passed on until all are old enough.
const untestedFor = 1100 * time.Millisecond

// What pgx says of a connection that was cut: SQLSTATE class 57 (PostgreSQL's documentation,
// appendix A), or what the operating system said.
var cutSigns = []string{
	"(SQLSTATE 57P01)", "(SQLSTATE 57P02)", "unexpected EOF", "conn closed",
	"connection reset by peer", "broken pipe",
}

// What pgx says if there is no PostgreSQL, or one that does not serve yet.
var absentSigns = []string{"connection refused", "(SQLSTATE 57P03)"}

// reconnection keeps requests from connections to PostgreSQL that were cut.
type reconnection struct {
	from atomic.Int64 // Unix nanoseconds at which requests may be passed on
}

// wait returns as soon as every connection is one that pgx tests.
func (r *reconnection) wait() {
	time.Sleep(time.Until(time.Unix(0, r.from.Load())))
}

// check returns errBackendGone if the reply says that PostgreSQL is not there.
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

// How a reply {ok: 0.0, errmsg: ..., code: 1, ...} begins, and how it goes on after the text.
var (
	failureBegins = []byte("\x01ok\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02errmsg\x00")
	internalCode  = []byte("\x10code\x00\x01\x00\x00\x00")
)

// internalError returns the text of FerretDB's reply to a command that failed unforeseen, else "".
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
