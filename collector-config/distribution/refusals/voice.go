package refusals

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// quietFor: a flood of bad requests is not to be a flood of lines.
const quietFor = time.Minute

// refusal is what makes two refusals the same. It holds nothing that a sender has written; status 0 is not known.
type refusal struct {
	status int
	reason string
}

// voice writes one line for the first refusal of a kind, and then one a minute, with how many there were since. The
// counts of all lines add up to all refusals.
type voice struct {
	log *zap.Logger

	mu     sync.Mutex
	waits  map[refusal]*wait
	closed bool
}

// wait is how many of a kind came since its last line.
type wait struct {
	more  int
	timer *time.Timer
}

func newVoice(log *zap.Logger) *voice {
	return &voice{log: log, waits: map[refusal]*wait{}}
}

func (v *voice) tell(kind refusal) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if known, ok := v.waits[kind]; ok {
		known.more++
		return
	}
	v.line(kind, 1)
	if !v.closed {
		v.waits[kind] = &wait{timer: time.AfterFunc(quietFor, func() { v.again(kind) })}
	}
}

// again is called when a minute is over: it tells the rest, or makes the next one of this kind the first again.
func (v *voice) again(kind refusal) {
	v.mu.Lock()
	defer v.mu.Unlock()
	known, ok := v.waits[kind]
	if !ok {
		return
	}
	if known.more == 0 {
		delete(v.waits, kind)
		return
	}
	v.line(kind, known.more)
	known.more = 0
	known.timer.Reset(quietFor)
}

func (v *voice) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	for kind, known := range v.waits {
		known.timer.Stop()
		if known.more > 0 {
			v.line(kind, known.more)
		}
	}
	clear(v.waits)
}

func (v *voice) line(kind refusal, count int) {
	status := zap.Skip()
	if kind.status != 0 {
		status = zap.Int("http.response.status_code", kind.status)
	}
	v.log.Warn("requests were refused", status, zap.String("reason", kind.reason), zap.Int("count", count))
}
