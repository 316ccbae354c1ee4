// Package cassandra stands for Loki's store in Cassandra.
package cassandra

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/grafana/loki/v3/pkg/storage/chunk/client"
	"github.com/grafana/loki/v3/pkg/storage/chunk/client/absent"
	"github.com/grafana/loki/v3/pkg/storage/config"
	"github.com/grafana/loki/v3/pkg/storage/stores/series/index"
)

type Config struct {
	absent.Config `yaml:",inline"`
}

func NewStorageClient(Config, config.SchemaConfig, prometheus.Registerer) (index.Client, error) {
	return nil, absent.Err
}

func NewObjectClient(Config, config.SchemaConfig, prometheus.Registerer, int) (client.Client, error) {
	return nil, absent.Err
}

func NewTableClient(context.Context, Config, prometheus.Registerer) (index.TableClient, error) {
	return nil, absent.Err
}
