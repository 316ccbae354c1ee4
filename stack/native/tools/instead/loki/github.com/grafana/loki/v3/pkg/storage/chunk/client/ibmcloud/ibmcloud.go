// Package ibmcloud stands for Loki's store COS.
package ibmcloud

import (
	"github.com/grafana/loki/v3/pkg/storage/chunk/client"
	"github.com/grafana/loki/v3/pkg/storage/chunk/client/absent"
	"github.com/grafana/loki/v3/pkg/storage/chunk/client/hedging"
)

type COSConfig struct {
	absent.Config `yaml:",inline"`
}

func NewCOSObjectClient(COSConfig, hedging.Config) (client.ObjectClient, error) {
	return nil, absent.Err
}
