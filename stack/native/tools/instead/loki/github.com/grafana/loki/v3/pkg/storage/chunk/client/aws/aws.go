// Package aws stands for Loki's stores S3 and DynamoDB.
package aws

import (
	"github.com/grafana/dskit/backoff"
	"github.com/grafana/dskit/flagext"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/grafana/loki/v3/pkg/storage/chunk/client"
	"github.com/grafana/loki/v3/pkg/storage/chunk/client/absent"
	"github.com/grafana/loki/v3/pkg/storage/chunk/client/hedging"
	"github.com/grafana/loki/v3/pkg/storage/config"
	"github.com/grafana/loki/v3/pkg/storage/stores/series/index"
)

type S3Config struct {
	absent.Config `yaml:",inline"`
	BackoffConfig backoff.Config `yaml:"-"`
}

type DynamoDBConfig struct {
	DynamoDB flagext.URLValue     `yaml:"-"`
	Metrics  struct{ URL string } `yaml:"-"`
}

type StorageConfig struct {
	S3Config       `yaml:",inline"`
	DynamoDBConfig `yaml:"-"`
}

var IsRetryableErr = absent.IsRetryableErr

func NewS3ObjectClient(S3Config, hedging.Config) (client.ObjectClient, error) {
	return nil, absent.Err
}

func NewDynamoDBIndexClient(DynamoDBConfig, config.SchemaConfig, prometheus.Registerer) (index.Client, error) {
	return nil, absent.Err
}

func NewDynamoDBChunkClient(DynamoDBConfig, config.SchemaConfig, prometheus.Registerer) (client.Client, error) {
	return nil, absent.Err
}

func NewDynamoDBTableClient(DynamoDBConfig, prometheus.Registerer) (index.TableClient, error) {
	return nil, absent.Err
}
