// Package gcp stands for Loki's stores GCS and Bigtable.
package gcp

import (
	"context"

	"github.com/grafana/loki/v3/pkg/storage/chunk/client"
	"github.com/grafana/loki/v3/pkg/storage/chunk/client/absent"
	"github.com/grafana/loki/v3/pkg/storage/chunk/client/hedging"
	"github.com/grafana/loki/v3/pkg/storage/config"
	"github.com/grafana/loki/v3/pkg/storage/stores/series/index"
)

type Config struct {
	absent.Config  `yaml:",inline"`
	DistributeKeys bool `yaml:"-"`
}

type GCSConfig struct {
	absent.Config `yaml:",inline"`
	EnableRetries bool `yaml:"-"`
}

var IsRetryableErr = absent.IsRetryableErr

func NewGCSObjectClient(context.Context, GCSConfig, hedging.Config) (client.ObjectClient, error) {
	return nil, absent.Err
}

func NewBigtableObjectClient(context.Context, Config, config.SchemaConfig) (client.Client, error) {
	return nil, absent.Err
}

func NewStorageClientV1(context.Context, Config, config.SchemaConfig) (index.Client, error) {
	return nil, absent.Err
}

func NewStorageClientColumnKey(context.Context, Config, config.SchemaConfig) (index.Client, error) {
	return nil, absent.Err
}

func NewTableClient(context.Context, Config) (index.TableClient, error) {
	return nil, absent.Err
}
