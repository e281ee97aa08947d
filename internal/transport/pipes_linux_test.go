package transport

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/mux"
)

// plain are two ends over two pipes, which are closed by the test.
func plain(t *testing.T) (a, b mux.Transport) {
	t.Helper()
	var ends [2][2]*os.File // for each direction, what is read from and what is written to
	for i := range ends {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = [2]*os.File{r, w}
	}
	a, err := NewPipes(ends[0][0], ends[1][1])
	if err != nil {
		t.Fatal(err)
	}
	if b, err = NewPipes(ends[1][0], ends[0][1]); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestPipesEnd(t *testing.T) {
	counted(t, func(t *testing.T) { a, b := plain(t); testEnd(t, a, b) })
}

func TestPipesWaits(t *testing.T) {
	counted(t, func(t *testing.T) { a, b := plain(t); testWaits(t, a, b) })
}

// Nobody who reads is an error of the write alone: what was said before is read
// still.
func TestPipesBroken(t *testing.T) {
	r, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	gone, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	a, err := NewPipes(r, w)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.PollSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Send([][]byte{{1}}, nil); !errors.Is(err, unix.EPIPE) {
		t.Errorf("a write to nobody: %v", err)
	}
	theirs.WriteString("bye")
	theirs.Close()
	buf := make([]byte, 10)
	if n, _, err := a.Recv([][]byte{buf}); string(buf[:n]) != "bye" || err != nil {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if _, _, err := a.Recv([][]byte{buf}); err != io.EOF {
		t.Error(err)
	}
}

// Files cannot cross, and that is told.
func TestPipesCarryNoFiles(t *testing.T) {
	a, b := plain(t)
	defer a.Close()
	defer b.Close()
	if n, err := a.Send([][]byte{{1}}, []*os.File{pipeFile(t)}); n != 0 || err == nil || errors.Is(err, mux.ErrAgain) {
		t.Errorf("%d, %v", n, err)
	}
	if _, _, err := b.Recv([][]byte{make([]byte, 1)}); err != mux.ErrAgain {
		t.Errorf("something came: %v", err)
	}
}

// A pair of pipes is taken over whether or not it can be used.
func TestPipesThatAreClosed(t *testing.T) {
	counted(t, func(t *testing.T) {
		for _, closed := range []int{0, 1} {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			[]*os.File{r, w}[closed].Close()
			if _, err := NewPipes(r, w); err == nil {
				t.Error("no error")
			}
		}
	})
}

// The streams of a process are what it is for; many callers and long messages
// cross a real one.
func TestConnOverPipes(t *testing.T) {
	counted(t, func(t *testing.T) {
		cat := exec.Command("cat") // what one end writes comes back to it
		stdin, stdout := childPipes(t, cat)
		if err := cat.Start(); err != nil {
			t.Fatal(err)
		}
		cat.Stdin.(*os.File).Close()
		cat.Stdout.(*os.File).Close()
		through, err := NewPipes(stdout, stdin)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1<<20)
		for sent, got := 0, 0; got < 8<<20; {
			if sent < 8<<20 {
				n, err := through.Send([][]byte{buf[:min(len(buf), 8<<20-sent)]}, nil)
				if sent += n; err != nil && err != mux.ErrAgain {
					t.Fatal(err)
				}
			}
			n, _, err := through.Recv([][]byte{buf})
			if got += n; err == mux.ErrAgain {
				err = through.Poll()
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		through.Close()
		if err := cat.Wait(); err != nil {
			t.Error(err)
		}
		a, b := plain(t)
		testConn(t, a, b, 0)
	})
}

// childPipes makes cmd's standard streams pipes, and returns the other ends.
func childPipes(t *testing.T, cmd *exec.Cmd) (stdin, stdout *os.File) {
	t.Helper()
	r, stdin, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout = r, w
	return stdin, stdout
}
