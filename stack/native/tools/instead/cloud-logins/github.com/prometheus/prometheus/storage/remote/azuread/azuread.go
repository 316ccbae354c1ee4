// Package azuread stands for the logins of Azure.
package azuread

import (
	"errors"
	"net/http"
)

// AzureADConfig has no settings, so strict YAML refuses any.
type AzureADConfig struct{}

// NewAzureADRoundTripper refuses.
func NewAzureADRoundTripper(*AzureADConfig, http.RoundTripper) (http.RoundTripper, error) {
	return nil, errors.New("this program was built without azuread")
}
