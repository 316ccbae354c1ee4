// Package azure stands for Loki's store in Azure blobs.
package azure

import (
	"github.com/grafana/loki/v3/pkg/storage/chunk/client"
	"github.com/grafana/loki/v3/pkg/storage/chunk/client/absent"
	"github.com/grafana/loki/v3/pkg/storage/chunk/client/hedging"
)

type BlobStorageConfig struct {
	absent.Config `yaml:",inline"`
}

type BlobStorageMetrics struct{}

func NewBlobStorageMetrics() BlobStorageMetrics { return BlobStorageMetrics{} }

func (BlobStorageMetrics) Unregister() {}

func NewBlobStorage(*BlobStorageConfig, BlobStorageMetrics, hedging.Config) (client.ObjectClient, error) {
	return nil, absent.Err
}
