// Program ferretdb serves the MongoDB wire protocol on top of PostgreSQL.
//
// It wraps FerretDB's embeddable package, because FerretDB's own command needs generated
// version files that its module does not contain. Flags, environment variables and defaults
// are those of that command, so its documentation applies.
//
// Authentication: keep the password out of the PostgreSQL URL. Clients then log in with
// authMechanism=PLAIN, FerretDB passes user and password on to PostgreSQL, and PostgreSQL
// decides. With a password in the URL, every client that reaches the port is that user.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

const (
	ferretModule = "github.com/FerretDB/FerretDB"

	// FerretDB would open 50 connections; the PostgreSQL of the native stack allows 40.
	poolSizeParameter = "pool_max_conns"
	defaultPoolSize   = "24"

	// The attribute in which pgx logs the arguments of a statement.
	statementArguments = "args"
)

type options struct {
	postgresURL string
	listenTCP   string
	listenUnix  string
	logLevel    slog.Level
	showVersion bool
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintf(os.Stderr, "ferretdb: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	opts, err := parse(args)
	if err != nil {
		return err
	}
	if opts.showVersion {
		fmt.Println("ferretdb", version())
		return nil
	}
	if err := forgetAmbientCredentials(); err != nil {
		return err
	}

	logger := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{
		Level:       opts.logLevel,
		ReplaceAttr: withoutData,
	}))
	slog.SetDefault(logger)

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	// A second signal kills the process.
	context.AfterFunc(ctx, stop)

	return serve(ctx, opts, logger)
}

// serve runs FerretDB on an inner socket and the gate on the addresses that clients use.
func serve(ctx context.Context, opts *options, logger *slog.Logger) error {
	inner, remove, err := backendSocket()
	if err != nil {
		return err
	}
	defer remove()
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:      ferretdb.ListenerConfig{Unix: inner},
		Logger:        logger,
		Handler:       "postgresql",
		PostgreSQLURL: opts.postgresURL,
	})
	if err != nil {
		return fmt.Errorf("cannot start: %w", err)
	}
	listeners, err := listen(opts)
	if err != nil {
		return err
	}
	logger.Info("FerretDB is starting", slog.String("version", version()))

	front := &gate{backend: inner, log: logger}
	var fronts sync.WaitGroup
	for _, listener := range listeners {
		fronts.Add(1)
		go func() {
			defer fronts.Done()
			front.serve(ctx, listener)
		}()
	}
	err = server.Run(ctx)
	fronts.Wait()
	logger.Info("FerretDB has stopped")
	return err
}

func listen(opts *options) ([]net.Listener, error) {
	var listeners []net.Listener
	for network, address := range map[string]string{"tcp": opts.listenTCP, "unix": opts.listenUnix} {
		if address == "" {
			continue
		}
		listener, err := net.Listen(network, address)
		if err != nil {
			return nil, fmt.Errorf("cannot listen: %w", err)
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

func parse(args []string) (*options, error) {
	var opts options
	flags := flag.NewFlagSet("ferretdb", flag.ContinueOnError)
	flags.StringVar(&opts.postgresURL, "postgresql-url", environment("FERRETDB_POSTGRESQL_URL", ""),
		"PostgreSQL URL, for example postgres://127.0.0.1:5432/ferretdb (FERRETDB_POSTGRESQL_URL)")
	flags.StringVar(&opts.listenTCP, "listen-addr", environment("FERRETDB_LISTEN_ADDR", "127.0.0.1:27017"),
		"TCP address to listen on, empty for none (FERRETDB_LISTEN_ADDR)")
	flags.StringVar(&opts.listenUnix, "listen-unix", environment("FERRETDB_LISTEN_UNIX", ""),
		"Unix socket to listen on, empty for none (FERRETDB_LISTEN_UNIX)")
	level := flags.String("log-level", environment("FERRETDB_LOG_LEVEL", "info"),
		"least level to log: debug, info, warn or error (FERRETDB_LOG_LEVEL)")
	flags.BoolVar(&opts.showVersion, "version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q; see --help", flags.Arg(0))
	}
	if opts.showVersion {
		return &opts, nil
	}
	if err := opts.logLevel.UnmarshalText([]byte(*level)); err != nil {
		return nil, fmt.Errorf("log-level is %q; use debug, info, warn or error", *level)
	}
	if opts.listenTCP == "" && opts.listenUnix == "" {
		return nil, errors.New("nothing to listen on; set listen-addr or listen-unix")
	}
	return &opts, limitPool(&opts)
}

// limitPool sets the pool size in the PostgreSQL URL unless the URL names one.
func limitPool(opts *options) error {
	u, err := url.Parse(opts.postgresURL)
	// The URL may hold a password: no message repeats it.
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return errors.New("postgresql-url is missing or not a URL; use postgres://host:port/database")
	}
	query := u.Query()
	if !query.Has(poolSizeParameter) {
		query.Set(poolSizeParameter, defaultPoolSize)
		u.RawQuery = query.Encode()
	}
	opts.postgresURL = u.String()
	return nil
}

// forgetAmbientCredentials hides libpq's variables and the user's password file, so that
// only the URL and the client determine who logs in to PostgreSQL.
func forgetAmbientCredentials() error {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "PG") {
			continue
		}
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("cannot unset %s: %w", name, err)
		}
	}
	return os.Setenv("PGPASSFILE", os.DevNull)
}

// withoutData keeps documents and credentials out of the log: FerretDB writes the whole
// message of a failed command after the first line, pgx the arguments of a failed statement.
func withoutData(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) > 0 && groups[0] == statementArguments {
		return slog.String(attr.Key, "?")
	}
	if len(groups) == 0 && attr.Key == slog.MessageKey {
		line, _, cut := strings.Cut(attr.Value.String(), "\n")
		if cut {
			return slog.String(slog.MessageKey, line+" (not logged)")
		}
	}
	return attr
}

func environment(name, fallback string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return fallback
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, module := range info.Deps {
		if module.Path == ferretModule {
			return module.Version
		}
	}
	return "unknown"
}
