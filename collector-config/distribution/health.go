//go:build unix

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"syscall"
	"time"
)

// The address in base.yaml, and the variable that changes it there.
const (
	endpointVariable = "COLLECTOR_HEALTH_ENDPOINT"
	defaultEndpoint  = "127.0.0.1:13133"
)

// In init, because the builder generates main: `otelcol-lms health` must not start a Collector.
func init() {
	if len(os.Args) > 1 && os.Args[1] == "health" {
		os.Exit(health(os.Args[2:]))
	}
}

// health asks the health_check extension of a running Collector and returns the exit status: 0 if it answers 200,
// 1 if not, 2 if the arguments are wrong. The image has no shell and no HTTP client for that.
//
// With -kill it also ends a Collector that accepts the connection and does not answer in time, so that the container's
// restart policy starts it again. A Collector that starts refuses the connection, so it has all the time it needs.
func health(arguments []string) int {
	flags := flag.NewFlagSet("otelcol-lms health", flag.ContinueOnError)
	wait := flags.Duration("wait", 4*time.Second, "how long to wait for the answer")
	kill := flags.Bool("kill", false, "in a container: end a Collector that does not answer in that time")
	if err := flags.Parse(arguments); err != nil {
		return 2
	}
	err := ask(*wait)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	if *kill && errors.Is(err, context.DeadlineExceeded) {
		if err := killContainer(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return 1
}

func ask(wait time.Duration) error {
	endpoint := os.Getenv(endpointVariable)
	if endpoint == "" {
		endpoint = defaultEndpoint
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+endpoint+"/", nil)
	if err != nil {
		return fmt.Errorf("%s is %q: give host:port", endpointVariable, endpoint)
	}
	// No proxy from the environment: the address is the Collector's own.
	client := http.Client{Transport: &http.Transport{}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("http://%s/ answers %s", endpoint, response.Status)
	}
	return nil
}

// killContainer sends SIGKILL to every process of this container but PID 1 and itself.
func killContainer() error {
	// The parent of a health check is outside of the container, where PIDs are not visible; anywhere else this would
	// kill all processes of the user.
	if os.Getppid() != 0 {
		return errors.New("-kill works only as a container's health check; nothing is killed")
	}
	if err := syscall.Kill(-1, syscall.SIGKILL); err != nil {
		return fmt.Errorf("nothing is killed (%w): start the container with an init, because PID 1 cannot be killed from inside", err)
	}
	return nil
}
