package shell

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// executesVariable names the file that the test's process hands to a program.
const executesVariable = "OUTWORK_TEST_EXECUTES"

// The runtime, whose own descriptors may be the numbers that are handed, goes on
// polling while they are put there.
func TestExecuteWhileOthersPoll(t *testing.T) {
	if path := os.Getenv(executesVariable); path != "" {
		t.Fatal(executeWhileOthersPoll(path))
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("handed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), executesVariable+"="+path)
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "6 of mine\nhanded\n" {
			t.Fatalf("%v\n%.2000s", err, out)
		}
	}
}

// executeWhileOthersPoll returns only when it fails.
func executeWhileOthersPoll(path string) error {
	for range 16 { // each time all threads are idle, one polls
		go func() {
			for {
				time.Sleep(10 * time.Microsecond)
			}
		}()
	}
	var files []*os.File
	var names []string
	for i := range 6 {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		files, names = append(files, f), append(names, fmt.Sprint(i))
	}
	return execute("/bin/sh", []string{"sh", "-c", `[ $LISTEN_PID = $$ ] && echo $LISTEN_FDS of mine; cat <&8`}, files, names)
}
