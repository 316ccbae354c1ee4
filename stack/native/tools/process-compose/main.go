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

// plansVariable names the file that says what to watch; without it nothing is watched.
const plansVariable = "STACK_LIVENESS_FILE"

func main() {
	if path := os.Getenv(plansVariable); path != "" {
		if err := watchAll(path, os.Getenv(socketVariable)); err != nil {
			fmt.Fprintf(os.Stderr, "process-compose: %s: %v\n", plansVariable, err)
			os.Exit(1)
		}
	}
	cmd.Execute()
}
