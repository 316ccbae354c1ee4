// Package refusals is the Collector's extension `refusals`: bearertokenauth that says in the log what a receiver refuses.
//
// It is a receiver's authenticator and its middleware at once. The first sees each request before anything else does, the
// second only those that are authenticated and decompressed; the difference tells which were refused in between.
package refusals

import (
	"context"
	"errors"
	"net/http"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/bearertokenauthextension"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
)

const (
	noToken    = "no valid token"
	unreadable = "the body cannot be decompressed, or not in a way that is taken"
)

// tokens is who knows the tokens.
type tokens interface {
	extension.Extension
	extensionauth.Server
}

type refusals struct {
	tokens
	voice *voice
}

var (
	_ extensionauth.Server           = (*refusals)(nil)
	_ extensionmiddleware.HTTPServer = (*refusals)(nil)
)

// NewFactory returns the factory of refusals. Its configuration is that of bearertokenauth.
func NewFactory() extension.Factory {
	return extension.NewFactory(component.MustNewType("refusals"),
		bearertokenauthextension.NewFactory().CreateDefaultConfig, create, component.StabilityLevelBeta)
}

func create(ctx context.Context, set extension.Settings, config component.Config) (extension.Extension, error) {
	factory := bearertokenauthextension.NewFactory()
	voice := newVoice(set.Logger)
	set.ID = component.NewIDWithName(factory.Type(), set.ID.Name())
	made, err := factory.Create(ctx, set, config)
	if err != nil {
		return nil, err
	}
	known, ok := made.(tokens)
	if !ok {
		return nil, errors.New("this version of bearertokenauth authenticates nobody")
	}
	return &refusals{tokens: known, voice: voice}, nil
}

// Shutdown tells what has not been told, and lets the tokens go.
func (r *refusals) Shutdown(ctx context.Context) error {
	r.voice.close()
	return r.tokens.Shutdown(ctx)
}

// arrival is the key of a function that a request's context holds until the request is with the receiver.
type arrival struct{}

// Authenticate lets through who has a token, as bearertokenauth does.
//
// The server ends a request's context after its answer: one that has not come to the handler by then was refused
// by what stands between, which is the decompression. The receiver chooses the status of that, by the content type.
func (r *refusals) Authenticate(ctx context.Context, headers map[string][]string) (context.Context, error) {
	known, err := r.tokens.Authenticate(ctx, headers)
	if err != nil {
		r.voice.tell(refusal{status: http.StatusUnauthorized, reason: noToken})
		return known, err
	}
	arrived := context.AfterFunc(ctx, func() { r.voice.tell(refusal{reason: unreadable}) })
	return context.WithValue(known, arrival{}, arrived), nil
}

// GetHTTPHandler returns what watches the receiver's answers.
func (r *refusals) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, receiver http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			if arrived, ok := request.Context().Value(arrival{}).(func() bool); ok {
				arrived()
			}
			answer := &answer{ResponseWriter: w}
			receiver.ServeHTTP(answer, request)
			if answer.status >= http.StatusBadRequest {
				r.voice.tell(refusal{status: answer.status, reason: http.StatusText(answer.status)})
			}
		}), nil
	}, nil
}

// answer notes the status that goes out.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find what the server's own writer can do.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
