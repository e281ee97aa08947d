// Package side is a process that measures one contender as often as it is told to, so
// that contenders that need a while to get ready can take turns.
//
// It is told a task a line, words with spaces between, and answers each with a line of
// JSON. It ends with its standard input.
package side

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Task measures something, as its words say, and returns seconds.
type Task func(words []string) ([]float64, error)

// answer is what comes back; a program in another language writes it, too.
type answer struct {
	Seconds []float64
	Error   string
}

// Serve does tasks until r ends. Words begin with the name of one.
func Serve(r io.Reader, w io.Writer, tasks map[string]Task) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var a answer
		words := strings.Fields(lines.Text())
		if len(words) == 0 || tasks[words[0]] == nil {
			a.Error = fmt.Sprintf("no such task: %q", words)
		} else if seconds, err := tasks[words[0]](words[1:]); err != nil {
			a.Error = err.Error()
		} else {
			a.Seconds = seconds
		}
		if err := json.NewEncoder(w).Encode(a); err != nil {
			return err
		}
	}
	return lines.Err()
}

// Side is such a process. It is for one goroutine.
type Side struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *json.Decoder
	title string
}

// Start starts cmd, whose standard error becomes this process's. Close must be called.
func Start(title string, cmd *exec.Cmd) (*Side, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	return &Side{cmd, in, json.NewDecoder(out), title}, nil
}

// Do has it do a task.
func (s *Side) Do(words ...string) ([]float64, error) {
	var a answer
	_, err := fmt.Fprintln(s.in, strings.Join(words, " "))
	if err == nil {
		err = s.out.Decode(&a)
	}
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", s.title, words[0], err)
	}
	return a.Seconds, nil
}

// Pid is the process.
func (s *Side) Pid() int { return s.cmd.Process.Pid }

// Close ends the process.
func (s *Side) Close() error {
	s.in.Close()
	return s.cmd.Wait()
}
