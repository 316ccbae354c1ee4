package mask

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
)

type verdict uint8

const (
	keep verdict = iota + 1
	hide
	drop
)

const (
	// Keeps a sender from filling the memory with invented keys: more or longer keys are judged every time.
	remembered    = 4096
	longestOfKeys = 128
)

// keys judges attribute keys and caches the verdicts: distinct keys are few and recur.
type keys struct {
	unfit  *regexp.Regexp
	secret []*regexp.Regexp
	known  atomic.Pointer[map[string]verdict]
	mu     sync.Mutex
}

func newKeys(unfit string, patterns []string) (*keys, error) {
	drops, err := regexp.Compile(unfit)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", unfit, err)
	}
	k := &keys{unfit: drops}
	k.known.Store(&map[string]verdict{})
	for _, pattern := range patterns {
		expression, err := regexp.Compile(pattern)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		k.secret = append(k.secret, expression)
	}
	return k, nil
}

func (k *keys) judge(key string) verdict {
	if v, ok := (*k.known.Load())[key]; ok {
		return v
	}
	v := k.decide(key)
	k.remember(key, v)
	return v
}

func (k *keys) decide(key string) verdict {
	if k.unfit.MatchString(key) {
		return drop
	}
	return k.secrecy(key)
}

// hides reports whether the key is secret, even if it is not a valid name.
func (k *keys) hides(key string) bool {
	v := k.judge(key)
	return v == hide || v == drop && k.secrecy(key) == hide
}

func (k *keys) secrecy(key string) verdict {
	for _, s := range k.secret {
		if s.MatchString(key) {
			return hide
		}
	}
	return keep
}

func (k *keys) remember(key string, v verdict) {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := *k.known.Load()
	if len(old) >= remembered || len(key) > longestOfKeys {
		return
	}
	next := make(map[string]verdict, len(old)+1)
	for each, verdict := range old {
		next[each] = verdict
	}
	next[strings.Clone(key)] = v
	k.known.Store(&next)
}
