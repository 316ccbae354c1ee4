package mask

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
)

const stability = component.StabilityLevelBeta

var mutates = processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true})

// NewFactory returns the factory of the processor `mask`.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		component.MustNewType("mask"),
		func() component.Config { return &Config{} },
		processor.WithTraces(newTraces, stability),
		processor.WithMetrics(newMetrics, stability),
		processor.WithLogs(newLogs, stability),
	)
}

func newTraces(
	ctx context.Context, set processor.Settings, c component.Config, next consumer.Traces,
) (processor.Traces, error) {
	m, err := newMasker(c.(*Config))
	if err != nil {
		return nil, err
	}
	work := func(_ context.Context, data ptrace.Traces) (ptrace.Traces, error) {
		return data, closed(func() { m.traces(data) })
	}
	return processorhelper.NewTraces(ctx, set, c, next, work, mutates)
}

func newMetrics(
	ctx context.Context, set processor.Settings, c component.Config, next consumer.Metrics,
) (processor.Metrics, error) {
	m, err := newMasker(c.(*Config))
	if err != nil {
		return nil, err
	}
	work := func(_ context.Context, data pmetric.Metrics) (pmetric.Metrics, error) {
		return data, closed(func() { m.metrics(data) })
	}
	return processorhelper.NewMetrics(ctx, set, c, next, work, mutates)
}

func newLogs(
	ctx context.Context, set processor.Settings, c component.Config, next consumer.Logs,
) (processor.Logs, error) {
	m, err := newMasker(c.(*Config))
	if err != nil {
		return nil, err
	}
	work := func(_ context.Context, data plog.Logs) (plog.Logs, error) {
		return data, closed(func() { m.logs(data) })
	}
	return processorhelper.NewLogs(ctx, set, c, next, work, mutates)
}

// closed makes an error of a panic: what cannot be masked is refused. The text may hold what was to be masked.
func closed(work func()) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = errors.New(fmt.Sprintf("masking failed with %T", reason))
		}
	}()
	work()
	return nil
}
