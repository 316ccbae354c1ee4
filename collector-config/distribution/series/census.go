package series

import "time"

// mostNamed bounds how many services have figures of their own; the others share those of "other".
const mostNamed = 200

// others is the name that they share.
const others = "other"

// census knows the series of each service by their hashes. A service that invents names takes room from itself only,
// until all together have none left.
type census struct {
	bounds   *Config
	services map[string]*service
	total    int
	swept    time.Time
}

type service struct {
	// seen has, by series, when it was seen last in seconds, and how many series of the store it is.
	seen    map[uint64]sighting
	count   int
	dropped int64
}

type sighting struct {
	at     int64
	weight int32
}

func newCensus(bounds *Config) *census {
	return &census{bounds: bounds, services: map[string]*service{}}
}

// of returns the service with a name, which it adds to those that are known.
func (c *census) of(name string) *service {
	if known, ok := c.services[name]; ok {
		return known
	}
	if len(c.services) >= mostNamed {
		name = others
	}
	known, ok := c.services[name]
	if !ok {
		known = &service{seen: map[uint64]sighting{}}
		c.services[name] = known
	}
	return known
}

// admit reports whether a series is known or there is room for it, and remembers when it was seen.
func (c *census) admit(s *service, series uint64, weight int, now time.Time) bool {
	old := s.seen[series]
	more := weight - int(old.weight)
	if more > 0 && (s.count+more > c.bounds.PerService || c.total+more > c.bounds.AllTogether) {
		s.dropped++
		return false
	}
	s.seen[series] = sighting{at: now.Unix(), weight: int32(max(weight, int(old.weight)))}
	if more > 0 {
		s.count += more
		c.total += more
	}
	return true
}

// sweep forgets the series that were not seen for long, at most ten times in that time.
func (c *census) sweep(now time.Time) {
	if now.Sub(c.swept) < c.bounds.IdleAfter/10 {
		return
	}
	c.swept = now
	oldest := now.Add(-c.bounds.IdleAfter).Unix()
	for _, s := range c.services {
		for series, last := range s.seen {
			if last.at < oldest {
				delete(s.seen, series)
				s.count -= int(last.weight)
				c.total -= int(last.weight)
			}
		}
	}
}
