// Package mask is the processor of base.yaml's chain transform/bound, redaction, transform/restore in one pass over
// the data, with the same result: what one item may carry is bounded, secrets are masked by key and by form in every
// text, and what is left too long is cut.
package mask

import (
	"errors"

	"go.opentelemetry.io/collector/component"
)

// Bound is what one item may carry.
type Bound struct {
	// Count of attributes; of more, those of First stay, and then the first ones.
	Count int      `mapstructure:"count"`
	First []string `mapstructure:"first"`
	// Length of a text, in bytes.
	Length int `mapstructure:"length"`
}

// Config is written by the project's generator from base.yaml, where each of these is explained.
type Config struct {
	BlockedKeyPatterns []string `mapstructure:"blocked_key_patterns"`
	BlockedValues      []string `mapstructure:"blocked_values"`
	// LeftInBodies are the places, in BlockedValues, of the forms that mask a body whole if one is left in it.
	LeftInBodies []int `mapstructure:"left_in_bodies"`
	// UnfitNames and UnfitLabels find what makes a key no name; such an attribute is dropped.
	UnfitNames  string           `mapstructure:"unfit_names"`
	UnfitLabels string           `mapstructure:"unfit_labels"`
	Bounds      map[string]Bound `mapstructure:"bounds"`
}

var places = []string{"resource", "scope", "span", "spanevent", "datapoint", "log"}

var _ component.Config = (*Config)(nil)

// Validate refuses a configuration that would mask or bound nothing.
func (c *Config) Validate() error {
	if len(c.BlockedKeyPatterns) == 0 || len(c.BlockedValues) == 0 {
		return errors.New("blocked_key_patterns and blocked_values must not be empty")
	}
	if c.UnfitNames == "" || c.UnfitLabels == "" || len(c.LeftInBodies) == 0 {
		return errors.New("unfit_names, unfit_labels and left_in_bodies must not be empty")
	}
	for _, n := range c.LeftInBodies {
		if n < 0 || n >= len(c.BlockedValues) {
			return errors.New("left_in_bodies: there is no such place in blocked_values")
		}
	}
	for _, place := range places {
		if b, ok := c.Bounds[place]; !ok || b.Length <= 0 || b.Count < len(b.First) {
			return errors.New("bounds: " + place + " needs a length and a count of at least its first keys")
		}
	}
	_, err := newMasker(c)
	return err
}
