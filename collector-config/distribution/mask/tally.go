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
	// meterName is the package's path, as the Collector names a component's meter.
	meterName = "stegmaier.example/lms/collector-config/distribution/mask"
	// Keeps a flood of long texts from becoming a flood of log lines.
	quietFor = time.Minute
)

// tally counts what the bounds removed from items that were passed on.
type tally struct{ texts, attributes atomic.Int64 }

// cut truncates a text to at most limit bytes, never within a character, and counts it.
func (t *tally) cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	t.texts.Add(1)
	return cut(text, limit)
}

// teller reports a tally as metrics, and in at most one log line a minute.
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
		metric.WithDescription("Texts truncated because they exceeded their bound."))
	attributes, attributesErr := meter.Int64Counter("otelcol_processor_mask_attributes_dropped",
		metric.WithUnit("{attribute}"),
		metric.WithDescription("Attributes dropped because they exceeded the bound or had an invalid key."))
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
	t.log.Warn("items exceeded the bounds and were trimmed; the metrics otelcol_processor_mask_* have the totals",
		zap.Int64("texts_cut", texts), zap.Int64("attributes_dropped", attributes))
}
