package admission

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// portion is how much of a body is read before there must be room for more.
const portion = 64 << 10

var (
	errFull = errors.New("no room")
	// A request that can never be admitted, and one that can be later.
	tooLarge = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", "too_large")))
	full     = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", "full")))
)

// room is what all requests together may take, in bytes.
type room struct {
	limit int64
	used  atomic.Int64
}

// take reserves bytes if there is room for them.
func (r *room) take(count int) bool {
	if r.used.Add(int64(count)) <= r.limit {
		return true
	}
	r.used.Add(-int64(count))
	return false
}

type handler struct {
	*admission
	receiver http.Handler
}

// ServeHTTP answers 413 to a request that would take too much by itself, and 503 to one that has no room now.
func (h *handler) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	taken := 0
	defer func() { h.room.used.Add(-int64(taken)) }()
	take := func(count int) bool {
		ok := h.room.take(count)
		if ok {
			taken += count
		}
		return ok
	}
	body, err := read(request.Body, take)
	if errors.Is(err, errFull) {
		h.refuse(w, request)
		return
	}
	size := h.size(request, body)
	if size > h.bounds.RequestBytes {
		h.rejected.Add(request.Context(), 1, tooLarge)
		http.Error(w, fmt.Sprintf("the request would take more than %d MiB of memory once decoded: send fewer items at once",
			h.bounds.RequestBytes>>20), http.StatusRequestEntityTooLarge)
		return
	}
	if more := size - taken; more > 0 && !take(more) {
		h.refuse(w, request)
		return
	}
	request.Body = &whole{Reader: io.MultiReader(bytes.NewReader(body), &failed{err}), Closer: request.Body}
	h.receiver.ServeHTTP(w, request)
}

func (h *handler) refuse(w http.ResponseWriter, request *http.Request) {
	h.rejected.Add(request.Context(), 1, full)
	w.Header().Set("Retry-After", "1")
	http.Error(w, "the requests that are being handled leave no room for this one", http.StatusServiceUnavailable)
}

// size returns what a body takes once decoded. A path or content type that the receiver does not know takes no more
// than the body.
func (h *handler) size(request *http.Request, body []byte) int {
	// As the receiver reads it.
	if kind, _, err := mime.ParseMediaType(request.Header.Get("Content-Type")); err == nil && kind == "application/json" {
		return ofJSON(body)
	}
	path := request.URL.Path
	if root := requests[path[max(0, strings.LastIndex(path, "/v1/")):]]; root != nil {
		return ofProtobuf(root, body, h.bounds.RequestBytes)
	}
	return len(body)
}

// read returns a body and the error that ended it, nil at its end. It takes room for each portion before it reads it.
func read(from io.Reader, take func(int) bool) ([]byte, error) {
	var all bytes.Buffer
	for {
		if !take(portion) {
			return nil, errFull
		}
		n, err := io.CopyN(&all, from, portion)
		switch {
		case errors.Is(err, io.EOF):
			return all.Bytes(), nil
		case err != nil:
			return all.Bytes(), err
		case n < portion:
			return all.Bytes(), io.ErrUnexpectedEOF
		}
	}
}

// whole is a body that has been read.
type whole struct {
	io.Reader
	io.Closer
}

// failed is the end of a body: the error that reading it had.
type failed struct{ err error }

func (f *failed) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}
