// Package bisection is the Collector's extension `bisection`: a middleware of an OTLP/HTTP exporter of metrics, for a store
// that rejects a whole request because of one point. It sends the halves of a rejected request, and the halves of those
// that are rejected again, so that the store misses only the points that it does not take.
package bisection

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/metric"
)

// meterName is the package's path, as the Collector names a component's meter.
const meterName = "stegmaier.example/lms/collector-config/distribution/bisection"

// Config bounds what one rejected request may cost; what is not separated by then is lost together.
type Config struct {
	Requests int `mapstructure:"requests"`
	// Duration must be well below the exporter's timeout, after which the request is sent again.
	Duration time.Duration `mapstructure:"duration"`
}

// Validate returns an error that names a bound which separates nothing.
func (c *Config) Validate() error {
	if c.Requests < 2 || c.Duration <= 0 {
		return errors.New("requests must be at least 2, and duration positive")
	}
	return nil
}

type bisection struct {
	component.StartFunc
	component.ShutdownFunc
	bounds   *Config
	rejected metric.Int64Counter
}

var _ extensionmiddleware.HTTPClient = (*bisection)(nil)

// NewFactory returns the factory of the extension `bisection`.
func NewFactory() extension.Factory {
	return extension.NewFactory(component.MustNewType("bisection"),
		func() component.Config { return &Config{Requests: 200, Duration: 5 * time.Second} },
		create, component.StabilityLevelBeta)
}

func create(_ context.Context, set extension.Settings, c component.Config) (extension.Extension, error) {
	rejected, err := set.MeterProvider.Meter(meterName).Int64Counter("otelcol_bisection_points_rejected",
		metric.WithUnit("{point}"),
		metric.WithDescription("Points that the store rejected, of requests whose other points it took."))
	return &bisection{bounds: c.(*Config), rejected: rejected}, err
}

// GetHTTPRoundTripper returns what sends the exporter's requests.
func (b *bisection) GetHTTPRoundTripper(context.Context) (extensionmiddleware.WrapHTTPRoundTripperFunc, error) {
	return func(_ context.Context, store http.RoundTripper) (http.RoundTripper, error) {
		return &sender{bisection: b, store: store}, nil
	}, nil
}
