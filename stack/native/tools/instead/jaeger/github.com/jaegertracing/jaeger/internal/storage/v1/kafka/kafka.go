// Package kafka stands for Jaeger's store of that name.
package kafka

import "github.com/jaegertracing/jaeger/internal/storage/v1/absent"

var (
	// NewFactory makes the store.
	NewFactory = absent.NewFactory
)
