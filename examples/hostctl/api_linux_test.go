package main

import (
	"os/exec"
	"testing"
)

// The API has not changed in a way that clients of the last release would notice:
// its lock file lies beside the source. After a change that is meant, make it anew:
//
//	go run . describe --lock >api.lock.json
func TestAPIKeepsItsPromises(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "describe", "--diff", "api.lock.json")
	cmd.Args[0] = "hostctl"
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("hostctl describe --diff api.lock.json: %v\n%s", err, said)
	}
}
