package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

const ownAnswerTime = 5 * time.Second

// supervisor asks process-compose about parts over the socket that everybody else uses too.
type supervisor struct{ client *http.Client }

func newSupervisor(socket string) *supervisor {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &supervisor{&http.Client{Timeout: ownAnswerTime, Transport: &http.Transport{DialContext: dial}}}
}

// pid returns the process of a part, 0 if it does not run or process-compose does not answer.
func (s *supervisor) pid(part string) int {
	answer, err := s.client.Get("http://supervisor/process/" + url.PathEscape(part))
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	var state struct {
		Status string `json:"status"`
		Pid    int    `json:"pid"`
	}
	if json.NewDecoder(answer.Body).Decode(&state) != nil || state.Status != "Running" {
		return 0
	}
	return state.Pid
}

// killTree kills a process and its descendants and returns their ids. SIGKILL, because a stopped process ignores
// every other signal; the descendants too, because some have sessions of their own, hold the part's output open or
// keep its files locked.
func killTree(pid int) []int {
	family := descendants(pid)
	for _, each := range family {
		_ = syscall.Kill(each, syscall.SIGKILL) // it may be gone already
	}
	return family
}

func descendants(pid int) []int {
	found := []int{pid}
	parent, err := process.NewProcess(int32(pid)) //nolint:gosec // Linux' ids have 22 bits
	if err != nil {
		return found
	}
	children, err := parent.Children()
	if err != nil {
		return found
	}
	for _, child := range children {
		found = append(found, descendants(int(child.Pid))...)
	}
	return found
}
