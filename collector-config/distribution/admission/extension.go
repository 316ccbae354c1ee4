// Package admission is the Collector's extension `admission`: a middleware of an OTLP/HTTP receiver that bounds what
// requests may become in memory, before anything decodes them.
//
// A message of two bytes on the wire can take hundreds once decoded, so neither the receiver's limit of a body's size
// nor the memory limiter, which looks once a second at what is used already, holds the memory.
package admission

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/metric"
)

// meterName is the package's path, as the Collector names a component's meter.
const meterName = "stegmaier.example/lms/collector-config/distribution/admission"

// Config bounds, in bytes of decoded requests, one request and all that are being handled.
type Config struct {
	RequestBytes int `mapstructure:"request_bytes"`
	AllBytes     int `mapstructure:"all_bytes"`
}

// Validate returns an error that names a bound which admits nothing.
func (c *Config) Validate() error {
	if c.RequestBytes <= 0 || c.AllBytes < c.RequestBytes {
		return errors.New("request_bytes must be positive, and all_bytes at least as large")
	}
	return nil
}

type admission struct {
	component.StartFunc
	component.ShutdownFunc
	bounds   *Config
	room     room
	rejected metric.Int64Counter
}

var _ extensionmiddleware.HTTPServer = (*admission)(nil)

// NewFactory returns the factory of the extension `admission`.
func NewFactory() extension.Factory {
	return extension.NewFactory(component.MustNewType("admission"),
		func() component.Config { return &Config{RequestBytes: 32 << 20, AllBytes: 48 << 20} },
		create, component.StabilityLevelBeta)
}

func create(_ context.Context, set extension.Settings, c component.Config) (extension.Extension, error) {
	bounds := c.(*Config)
	made := &admission{bounds: bounds, room: room{limit: int64(bounds.AllBytes)}}
	meter := set.MeterProvider.Meter(meterName)
	rejected, rejectedErr := meter.Int64Counter("otelcol_admission_requests_rejected", metric.WithUnit("{request}"),
		metric.WithDescription("Requests rejected because of what they would take once decoded."))
	_, inUseErr := meter.Int64ObservableGauge("otelcol_admission_in_use", metric.WithUnit("By"),
		metric.WithDescription("What the requests that are being handled take, as estimated."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(made.room.used.Load())
			return nil
		}))
	made.rejected = rejected
	return made, errors.Join(rejectedErr, inUseErr)
}

// GetHTTPHandler returns what admits requests to the receiver. It runs after authentication and decompression.
func (a *admission) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, receiver http.Handler) (http.Handler, error) {
		return &handler{admission: a, receiver: receiver}, nil
	}, nil
}
