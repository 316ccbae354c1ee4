package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// MongoDB promises that a write to one document is atomic, its condition included.
// FerretDB 1.24 does update, findAndModify and delete in two steps (it reads the matching
// documents, then writes or removes them by _id), each on its own PostgreSQL connection:
// two clients overwrite each other, and as many clients as the pool has connections
// deadlock. The gate keeps the promise: it sits between the clients and FerretDB and
// admits one such command per collection at a time; everything else passes unchanged.
// So do unacknowledged writes (w=0), which have no reply to wait for.
type gate struct {
	backend      string
	log          *slog.Logger
	locks        sync.Map // collection name -> *sync.Mutex
	reconnection reconnection
}

const (
	opMsg            = 2013
	headerSize       = 16
	sectionsAt       = headerSize + 4 // the header, then the flag bits
	maxMessageSize   = 48_000_000 + headerSize
	flagMoreToCome   = 1 << 1
	kindBody         = 0
	kindSequence     = 1
	bsonTypeString   = 0x02
	bsonFirstElement = 4 // after the document's length
)

// twoStepCommands are the commands that FerretDB carries out as a read and a write.
var twoStepCommands = map[string]bool{"update": true, "findandmodify": true, "delete": true}

// backendSocket returns a path for FerretDB's own socket in a new private directory, and
// the function that removes the directory.
func backendSocket() (string, func(), error) {
	directory, err := os.MkdirTemp("", "ferretdb-")
	if err != nil {
		return "", nil, fmt.Errorf("cannot create a directory for the inner socket: %w", err)
	}
	return filepath.Join(directory, "inner.sock"), func() { os.RemoveAll(directory) }, nil
}

// serve accepts clients until ctx ends, and then closes all of their connections.
func (g *gate) serve(ctx context.Context, listener net.Listener) {
	var clients sync.WaitGroup
	defer clients.Wait()
	context.AfterFunc(ctx, func() { listener.Close() })
	address := listener.Addr()
	// FerretDB's own message, which supervisors wait for.
	g.log.Info(fmt.Sprintf("Listening on %s %s...", strings.ToUpper(address.Network()), address))
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			g.log.Warn("Cannot accept a client", slog.String("error", err.Error()))
			continue
		}
		clients.Add(1)
		go func() {
			defer clients.Done()
			g.serveClient(ctx, client)
		}()
	}
}

func (g *gate) serveClient(ctx context.Context, client net.Conn) {
	defer client.Close()
	backend, err := net.Dial("unix", g.backend)
	if err != nil {
		g.log.Error("FerretDB's inner socket does not answer", slog.String("error", err.Error()))
		return
	}
	defer backend.Close()
	defer context.AfterFunc(ctx, func() { client.Close(); backend.Close() })()
	for {
		if err := g.exchange(client, backend); err != nil {
			g.logEnd(err)
			return
		}
	}
}

// logEnd logs why a connection ended, unless the client closed it or the program is stopping.
func (g *gate) logEnd(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return
	}
	level := slog.LevelDebug
	if errors.Is(err, errBackendGone) {
		level = slog.LevelWarn
	}
	g.log.Log(context.Background(), level, "A connection ended", slog.String("error", err.Error()))
}

// exchange passes one request to FerretDB and its reply back.
func (g *gate) exchange(client, backend net.Conn) error {
	request, err := readMessage(client)
	if err != nil {
		return err
	}
	reply, err := g.ask(backend, request)
	if err != nil || reply == nil {
		return err
	}
	_, err = client.Write(reply)
	return err
}

// ask holds the collection's lock only from the request until FerretDB's reply, so that a
// client that reads slowly blocks nobody else.
func (g *gate) ask(backend net.Conn, request []byte) ([]byte, error) {
	unacknowledged := isMoreToCome(request)
	if collection, ok := twoStepCollection(request); ok && !unacknowledged {
		lock, _ := g.locks.LoadOrStore(collection, new(sync.Mutex))
		lock.(*sync.Mutex).Lock()
		defer lock.(*sync.Mutex).Unlock()
	}
	g.reconnection.wait()
	if _, err := backend.Write(request); err != nil {
		return nil, err
	}
	if unacknowledged {
		return nil, nil
	}
	reply, err := readMessage(backend)
	if err != nil {
		return nil, err
	}
	return reply, g.reconnection.check(reply)
}

func readMessage(from io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(size[:])
	if length < headerSize || length > maxMessageSize {
		return nil, fmt.Errorf("a message of %d bytes is not the MongoDB wire protocol", length)
	}
	message := make([]byte, length)
	copy(message, size[:])
	_, err := io.ReadFull(from, message[len(size):])
	return message, err
}

func isMoreToCome(message []byte) bool {
	return isOpMsg(message) && binary.LittleEndian.Uint32(message[headerSize:])&flagMoreToCome != 0
}

func isOpMsg(message []byte) bool {
	return len(message) > sectionsAt && binary.LittleEndian.Uint32(message[12:]) == opMsg
}

// twoStepCollection returns the collection that a two-step command writes to. A message
// that it cannot parse is left to FerretDB to reject.
func twoStepCollection(message []byte) (string, bool) {
	body, ok := commandBody(message)
	if !ok || len(body) <= bsonFirstElement || body[bsonFirstElement] != bsonTypeString {
		return "", false
	}
	// The first element's name is the command, its value the collection.
	name, value, ok := strings.Cut(string(body[bsonFirstElement+1:]), "\x00")
	if !ok || !twoStepCommands[strings.ToLower(name)] || len(value) < 4 {
		return "", false
	}
	collection, _, ok := strings.Cut(value[4:], "\x00")
	return collection, ok
}

func commandBody(message []byte) ([]byte, bool) {
	if !isOpMsg(message) {
		return nil, false
	}
	for rest := message[sectionsAt:]; len(rest) > 5; {
		kind, size := rest[0], binary.LittleEndian.Uint32(rest[1:])
		if kind == kindBody {
			return rest[1:], true
		}
		if kind != kindSequence || int(size)+1 >= len(rest) {
			return nil, false
		}
		rest = rest[1+size:]
	}
	return nil, false
}
