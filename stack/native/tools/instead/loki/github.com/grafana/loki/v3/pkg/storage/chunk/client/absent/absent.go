// Package absent is what the stores that this build leaves out have in common.
package absent

import (
	"errors"
	"flag"
)

// Err is the answer of every store that was left out.
var Err = errors.New("this Loki was built without cloud stores: use filesystem")

// Config has no settings, so Loki's strict YAML refuses any setting of the store.
type Config struct{}

func (*Config) RegisterFlags(*flag.FlagSet)                   {}
func (*Config) RegisterFlagsWithPrefix(string, *flag.FlagSet) {}
func (*Config) Validate() error                               { return nil }

// IsRetryableErr says so of no error, because the store makes none.
func IsRetryableErr(error) bool { return false }
