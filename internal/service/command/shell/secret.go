package shell

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/outwork-go/outwork/internal/service/schema"
)

// maxTyped is how many bytes of a secret may be typed.
const maxTyped = 4096

// ask asks for a secret at the terminal, which does not show what is typed.
func (a *Arguments) ask(f *schema.Field) error {
	terminal := a.shell.In.(*os.File) // it has a width
	restore, err := hush(terminal)
	if err != nil {
		return Usagef("%s is missing, and cannot be asked for: %v", a.Name(f), err)
	}
	line, err := askHushed(terminal, a.shell.Err, Kebab(f.Name)+": ", restore)
	if err != nil {
		return Usagef("%s was not given: %v", Kebab(f.Name), err)
	}
	a.given[f], a.typed[f] = true, true
	return a.setRaw(f, line)
}

// askHushed asks at a terminal that shows nothing until restore is called.
func askHushed(terminal io.Reader, out io.Writer, prompt string, restore func()) ([]byte, error) {
	defer restoreOnSignal(restore, out)()
	_, _ = io.WriteString(out, prompt)
	line, err := readLine(terminal)
	_, _ = io.WriteString(out, "\n")
	return line, err
}

// readLine reads a line, and no byte behind it.
func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	for one := make([]byte, 1); len(line) < maxTyped; line = append(line, one[0]) {
		n, err := r.Read(one)
		switch {
		case n == 0 && err == io.EOF:
			return nil, errors.New("the input ended")
		case err != nil && err != io.EOF:
			return nil, bare(err)
		case one[0] == '\n':
			return line, nil
		}
	}
	return nil, errors.New("it is too long to be typed")
}

// restoreOnSignal runs restore when the function that it returns is called, or
// when a signal ends this process before: then the line of the prompt is ended on
// stderr.
func restoreOnSignal(restore func(), stderr io.Writer) func() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-signals:
			restore()
			_, _ = io.WriteString(stderr, "\n")
			os.Exit(Interrupted)
		case <-quit:
			restore()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(quit)
		<-done
	}
}
