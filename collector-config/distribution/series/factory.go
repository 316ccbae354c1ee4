// Package series is the Collector's processor `series`: it bounds how many metric series each service may have, because
// a store of metrics keeps every series in memory and bounds none that is pushed.
package series

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
)

// Config bounds the series that were seen within the last IdleAfter.
type Config struct {
	PerService  int           `mapstructure:"per_service"`
	AllTogether int           `mapstructure:"all_together"`
	IdleAfter   time.Duration `mapstructure:"idle_after"`
}

// Validate returns an error that names the bounds which admit nothing.
func (c *Config) Validate() error {
	if c.PerService <= 0 || c.AllTogether < c.PerService {
		return errors.New("per_service must be positive, and all_together at least as large")
	}
	if c.IdleAfter <= 0 {
		return errors.New("idle_after must be positive")
	}
	return nil
}

// NewFactory returns the factory of the processor `series`.
func NewFactory() processor.Factory {
	return processor.NewFactory(component.MustNewType("series"),
		func() component.Config {
			return &Config{PerService: 10_000, AllTogether: 100_000, IdleAfter: time.Hour}
		},
		processor.WithMetrics(create, component.StabilityLevelBeta))
}

func create(
	ctx context.Context, set processor.Settings, c component.Config, next consumer.Metrics,
) (processor.Metrics, error) {
	made := &limiter{census: newCensus(c.(*Config)), now: time.Now}
	if err := made.observe(set); err != nil {
		return nil, err
	}
	return processorhelper.NewMetrics(ctx, set, c, next, made.process,
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}))
}
