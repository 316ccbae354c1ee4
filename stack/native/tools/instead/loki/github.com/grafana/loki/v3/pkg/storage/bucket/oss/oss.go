// Package oss stands for Loki's bucket in OSS.
package oss

import (
	"github.com/go-kit/log"
	"github.com/thanos-io/objstore"

	"github.com/grafana/loki/v3/pkg/storage/chunk/client/absent"
)

type Config struct {
	absent.Config `yaml:",inline"`
}

func NewBucketClient(Config, string, log.Logger) (objstore.Bucket, error) {
	return nil, absent.Err
}
