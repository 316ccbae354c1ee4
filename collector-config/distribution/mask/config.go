// Package mask is a processor that does the work of base.yaml's chain transform/bound, redaction, transform/restore
// in one pass over the data, with the same result: it bounds each item's attributes, masks secrets by key and by
// pattern in every text, and truncates what is still too long.
package mask

import (
	"errors"

	"go.opentelemetry.io/collector/component"
)

// Bound limits the attributes of one item.
type Bound struct {
	// Count is the maximum number of attributes; beyond it, those in First are kept, then the earliest.
	Count int      `mapstructure:"count"`
	First []string `mapstructure:"first"`
	// Length is the maximum length of a text, in bytes.
	Length int `mapstructure:"length"`
}

// Config is generated from base.yaml, which explains each of these.
type Config struct {
	BlockedKeyPatterns []string `mapstructure:"blocked_key_patterns"`
	BlockedValues      []string `mapstructure:"blocked_values"`
	// LeftInBodies are the indices, in BlockedValues, of the patterns that mask a whole body if one still matches it.
	LeftInBodies []int `mapstructure:"left_in_bodies"`
	// UnfitNames and UnfitLabels match keys that are not valid names; such attributes are dropped.
	UnfitNames  string           `mapstructure:"unfit_names"`
	UnfitLabels string           `mapstructure:"unfit_labels"`
	Bounds      map[string]Bound `mapstructure:"bounds"`
}

var places = []string{"resource", "scope", "span", "spanevent", "datapoint", "log"}

var _ component.Config = (*Config)(nil)

// Validate rejects a configuration that would mask or bound nothing.
func (c *Config) Validate() error {
	if len(c.BlockedKeyPatterns) == 0 || len(c.BlockedValues) == 0 {
		return errors.New("blocked_key_patterns and blocked_values must not be empty")
	}
	if c.UnfitNames == "" || c.UnfitLabels == "" || len(c.LeftInBodies) == 0 {
		return errors.New("unfit_names, unfit_labels and left_in_bodies must not be empty")
	}
	for _, n := range c.LeftInBodies {
		if n < 0 || n >= len(c.BlockedValues) {
			return errors.New("left_in_bodies: every index must be that of a pattern in blocked_values")
		}
	}
	for _, place := range places {
		if b, ok := c.Bounds[place]; !ok || b.Length <= 0 || b.Count < len(b.First) {
			return errors.New("bounds: " + place + " needs a positive length, and a count that is not below the number of its first keys")
		}
	}
	_, err := newMasker(c)
	return err
}
