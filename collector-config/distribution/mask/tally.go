package mask

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

const (
	// meterName is the package's path: what the Collector calls the meter of a component.
	meterName = "stegmaier.example/lms/collector-config/distribution/mask"
	// A flood of texts that are too long is not to be a flood of lines.
	quietFor = time.Minute
)

// tally counts what the bounds took from items that went on.
type tally struct{ texts, attributes atomic.Int64 }

// cut shortens a text to so many bytes, and never within a character.
func (t *tally) cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	t.texts.Add(1)
	return cut(text, limit)
}

// teller makes metrics of a tally, and at most one line a minute.
type teller struct {
	tally             *tally
	texts, attributes metric.Int64Counter
	labels            metric.MeasurementOption
	log               *zap.Logger
	// silentUntil is a time in nanoseconds.
	silentUntil atomic.Int64
}

func newTeller(set processor.Settings, signal string, of *tally) (*teller, error) {
	meter := set.MeterProvider.Meter(meterName)
	texts, textsErr := meter.Int64Counter("otelcol_processor_mask_texts_cut", metric.WithUnit("{text}"),
		metric.WithDescription("Texts that were longer than their bound, and are cut."))
	attributes, attributesErr := meter.Int64Counter("otelcol_processor_mask_attributes_dropped",
		metric.WithUnit("{attribute}"),
		metric.WithDescription("Attributes that were more than their bound or whose key is none, and are left out."))
	labels := []attribute.KeyValue{
		attribute.String("processor", set.ID.String()), attribute.String("otel.signal", signal),
	}
	made := &teller{
		tally: of, texts: texts, attributes: attributes, labels: metric.WithAttributes(labels...), log: set.Logger,
	}
	return made, errors.Join(textsErr, attributesErr)
}

func (t *teller) tell(ctx context.Context) {
	texts, attributes := t.tally.texts.Swap(0), t.tally.attributes.Swap(0)
	if texts == 0 && attributes == 0 {
		return
	}
	t.texts.Add(ctx, texts, t.labels)
	t.attributes.Add(ctx, attributes, t.labels)
	now, until := time.Now(), t.silentUntil.Load()
	if now.UnixNano() < until || !t.silentUntil.CompareAndSwap(until, now.Add(quietFor).UnixNano()) {
		return
	}
	t.log.Warn("items over the bounds went on without what was too much; the metrics otelcol_processor_mask_* count on",
		zap.Int64("texts_cut", texts), zap.Int64("attributes_dropped", attributes))
}
