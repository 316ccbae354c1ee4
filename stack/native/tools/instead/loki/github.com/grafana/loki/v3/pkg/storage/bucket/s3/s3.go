// Package s3 stands for Loki's bucket in S3.
package s3

import (
	"net/http"

	"github.com/go-kit/log"
	"github.com/minio/minio-go/v7/pkg/encrypt"
	"github.com/thanos-io/objstore"

	"github.com/grafana/loki/v3/pkg/storage/chunk/client/absent"
)

type Config struct {
	absent.Config `yaml:",inline"`
	MaxRetries    int                                   `yaml:"-"`
	HTTP          struct{ Transport http.RoundTripper } `yaml:"-"`
}

func NewBucketClient(Config, string, log.Logger, func(http.RoundTripper) http.RoundTripper) (objstore.Bucket, error) {
	return nil, absent.Err
}

// SSEConfig is how a tenant wants its objects encrypted by S3.
type SSEConfig struct{ Type, KMSKeyID, KMSEncryptionContext string }

// BuildMinioConfig refuses, because there is no S3 to encrypt anything.
func (*SSEConfig) BuildMinioConfig() (encrypt.ServerSide, error) { return nil, absent.Err }
