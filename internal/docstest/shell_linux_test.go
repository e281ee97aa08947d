package docstest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// driver is what the shell of a page runs: it reads the names of files from descriptor 3,
// runs each in itself, and writes the status, and what else has failed in it, to 4. At its
// end it ends what was left in the background: by SIGTERM, so that it tidies up, and what
// belongs to no job any more by SIGKILL.
const driver = `
set -o physical
trap 'kill $(jobs -p) 2>/dev/null; wait; kill -KILL 0' EXIT
docs_status=0
while IFS= read -r docs_file <&3; do
	docs_failed=
	. "$docs_file" >"$docs_file.out" 2>&1 3<&- 4>&-
	docs_status=$?
	trap - ERR
	printf '%s\t%s\n' "$docs_status" "$docs_failed" >&4
done`

// patience is the longest that one command of a page may take.
const patience = 2 * time.Minute

// grace is how long what a page has left in the background may take to end.
const grace = 2 * time.Second

// shell is the one that runs a page's commands.
type shell struct {
	cmd     *exec.Cmd
	scratch string // a folder for what is run and printed
	n       int    // how many were run
	files   *os.File
	answers *os.File
	read    *bufio.Reader
}

func newShell(ctx context.Context, dir, scratch string, env []string) (*shell, error) {
	theirs, files, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	answers, say, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, files.Close())
	}
	defer say.Close()
	s := &shell{scratch: scratch, files: files, answers: answers, read: bufio.NewReader(answers)}
	s.cmd = exec.CommandContext(ctx, "bash", "--norc", "--noprofile", "-c", driver)
	s.cmd.Dir, s.cmd.Env = dir, append(env, "PWD="+dir)
	s.cmd.ExtraFiles = []*os.File{theirs, say}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.Cancel = func() error { return syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) }
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(err, files.Close(), answers.Close())
	}
	return s, nil
}

// close ends the shell, which ends what the page has left in the background.
func (s *shell) close() {
	s.files.Close()
	impatient := time.AfterFunc(grace, func() { s.cmd.Cancel() })
	s.cmd.Wait()
	impatient.Stop()
	s.answers.Close()
}

// result is what came of commands.
type result struct {
	status int
	failed string // which commands before the last one failed
	output string
}

// run runs commands behind prelude, which is on the first line.
func (s *shell) run(prelude, commands string) (result, error) {
	s.n++
	file := filepath.Join(s.scratch, strconv.Itoa(s.n))
	if err := os.WriteFile(file, []byte(prelude+"\n"+commands), 0o600); err != nil {
		return result{}, err
	}
	s.answers.SetReadDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(s.files, file); err != nil {
		return result{}, fmt.Errorf("the shell has ended: %w", err)
	}
	line, err := s.read.ReadString('\n')
	said, _ := os.ReadFile(file + ".out")
	switch {
	case errors.Is(err, io.EOF):
		return result{}, fmt.Errorf("the shell has ended, with\n%s", said)
	case err != nil:
		return result{}, fmt.Errorf("after %s: %w\n%s", patience, err, said)
	}
	status, failed, _ := strings.Cut(strings.TrimSpace(line), "\t")
	code, err := strconv.Atoi(status)
	return result{status: code, failed: failed, output: string(said)}, err
}

// script runs a block of commands, each of which has to succeed.
func (s *shell) script(commands string) (string, error) {
	r, err := s.run(`trap 'docs_failed="$docs_failed line $((LINENO-1)): status $?."' ERR`, commands)
	if err == nil && (r.failed != "" || r.status != 0) {
		err = fmt.Errorf("status %d;%s\n%s", r.status, r.failed, r.output)
	}
	return r.output, err
}

// single runs one command, for which $? is what the last one has left.
func (s *shell) single(command string) (result, error) {
	return s.run(`(exit $docs_status)`, command)
}
