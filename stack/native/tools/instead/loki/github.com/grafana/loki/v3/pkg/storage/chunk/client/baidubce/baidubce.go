// Package baidubce stands for Loki's store BOS.
package baidubce

import (
	"github.com/grafana/loki/v3/pkg/storage/chunk/client"
	"github.com/grafana/loki/v3/pkg/storage/chunk/client/absent"
)

type BOSStorageConfig struct {
	absent.Config `yaml:",inline"`
}

func NewBOSObjectStorage(*BOSStorageConfig) (client.ObjectClient, error) {
	return nil, absent.Err
}
