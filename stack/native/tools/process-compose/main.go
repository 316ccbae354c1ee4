// Program process-compose is the supervisor of the native stack: process-compose itself, and a watch that kills
// a part which has stopped answering, so that process-compose restarts it as after any crash.
//
// process-compose 1.64 cannot do that: a failed liveness probe ends nothing but a daemon, and a part that a failed
// readiness probe ends is not restarted. Nor could either end a process that is stopped or waits for a disk.
package main

import (
	"fmt"
	"os"

	"github.com/f1bonacc1/process-compose/src/cmd"
)

const (
	// fileVariable names the file that says what to watch; without it nothing is watched.
	fileVariable = "LIVENESS_FILE"
	// socketVariable names process-compose's own socket.
	socketVariable = "LIVENESS_SOCKET"
)

func main() {
	path, socket := taken(fileVariable), taken(socketVariable)
	if path != "" {
		if err := watchAll(path, socket); err != nil {
			fmt.Fprintf(os.Stderr, "process-compose: %s: %v\n", fileVariable, err)
			os.Exit(1)
		}
	}
	cmd.Execute()
}

// taken returns a variable and removes it: the parts inherit the rest.
func taken(name string) string {
	value := os.Getenv(name)
	_ = os.Unsetenv(name) // fails for an impossible name only
	return value
}
