package mask

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.uber.org/zap"
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
	m, t, err := newParts(set, c, "traces")
	if err != nil {
		return nil, err
	}
	return processorhelper.NewTraces(ctx, set, c, next, reported(t, failClosed(set.Logger, m.traces)), mutates)
}

func newMetrics(
	ctx context.Context, set processor.Settings, c component.Config, next consumer.Metrics,
) (processor.Metrics, error) {
	m, t, err := newParts(set, c, "metrics")
	if err != nil {
		return nil, err
	}
	return processorhelper.NewMetrics(ctx, set, c, next, reported(t, failClosed(set.Logger, m.metrics)), mutates)
}

func newLogs(
	ctx context.Context, set processor.Settings, c component.Config, next consumer.Logs,
) (processor.Logs, error) {
	m, t, err := newParts(set, c, "logs")
	if err != nil {
		return nil, err
	}
	return processorhelper.NewLogs(ctx, set, c, next, reported(t, failClosed(set.Logger, m.logs)), mutates)
}

func newParts(set processor.Settings, c component.Config, signal string) (*masker, *teller, error) {
	m, err := newMasker(c.(*Config))
	if err != nil {
		return nil, nil, err
	}
	t, err := newTeller(set, signal, m.lost)
	return m, t, err
}

type step[Data any] = func(context.Context, Data) (Data, error)

// reported has the teller report what the bounds removed after each call of work.
func reported[Data any](t *teller, work step[Data]) step[Data] {
	return func(ctx context.Context, data Data) (Data, error) {
		defer t.tell(ctx)
		return work(ctx, data)
	}
}

// failClosed turns a panic into an error: a request that cannot be masked is rejected, and nothing of it is passed
// on. The error and the log contain the panic's type and stack but not its text, which may hold unmasked data.
func failClosed[Data ptrace.Traces | pmetric.Metrics | plog.Logs](
	logger *zap.Logger, work func(Data),
) step[Data] {
	return func(_ context.Context, data Data) (_ Data, err error) {
		defer func() {
			if reason := recover(); reason != nil {
				err = fmt.Errorf("masking failed with %T", reason)
				logger.Error("masking failed", zap.Error(err), zap.Stack("stack"))
			}
		}()
		work(data)
		return data, nil
	}
}
