package journal

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// scope is the package's path: what the Collector calls the meter of a component.
const scope = "stegmaier.example/lms/collector-config/distribution/journal"

// observe reports, for every open queue, the bytes of its files and how many damaged files are kept, until the
// returned function is called.
func (j *journal) observe(provider metric.MeterProvider) (func() error, error) {
	meter := provider.Meter(scope)
	size, sizeErr := meter.Int64ObservableGauge("otelcol_journal_storage_size", metric.WithUnit("By"),
		metric.WithDescription("Bytes of the files of a queue, with what is not needed any more."))
	damaged, damagedErr := meter.Int64ObservableGauge("otelcol_journal_storage_damaged_files",
		metric.WithUnit("{file}"),
		metric.WithDescription("Files of a queue that could not be read in full, and are kept until somebody removes them."))
	if err := errors.Join(sizeErr, damagedErr); err != nil {
		return nil, err
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		for name, opened := range j.clients {
			queue := metric.WithAttributes(attribute.String("queue", name))
			observer.ObserveInt64(size, opened.onDisk.Load(), queue)
			observer.ObserveInt64(damaged, opened.aside.Load(), queue)
		}
		return nil
	}, size, damaged)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}
