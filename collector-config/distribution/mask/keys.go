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
	// A sender cannot fill the memory with invented keys: what is more, or longer, is judged each time.
	remembered    = 4096
	longestOfKeys = 128
)

// keys judges attribute keys and remembers the verdicts: keys are few and come again.
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

// hides tells whether a value is masked by its key, whatever the form of the key.
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
