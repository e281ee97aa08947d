package askpass

import (
	"fmt"
	"io"
	"os"
	"time"
)

// Run is all that a process does that is Wanted: it prints the answer, or returns why
// there is none. It ends when the asked process has gone, too.
func Run() error {
	text := os.Args[1]
	to, err := parseAddress(os.Getenv(Variable))
	if err != nil {
		return fmt.Errorf("%s: %w", Variable, err)
	}
	answer, err := inquire(to, kindOf(os.Getenv(hintVariable), text), text)
	if err == nil {
		_, err = fmt.Println(answer)
	}
	return err
}

// inquire asks the process that has the pipe to.
func inquire(to address, k kind, text string) (string, error) {
	asked, err := to.open(os.O_WRONLY)
	if err != nil {
		return "", fmt.Errorf("who would know the answer has gone: %w", err)
	}
	defer asked.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	defer w.Close() // not before: r would be at its end until the other side has opened it
	from, err := addressOf(r)
	if err != nil {
		return "", err
	}
	if _, err := asked.Write((&request{from, k, text}).bytes()); err != nil {
		return "", err
	}
	go func() {
		unread(asked)
		r.SetReadDeadline(time.Unix(1, 0)) // the asked process has gone
	}()
	b := make([]byte, answerSize)
	if _, err := io.ReadFull(r, b); err != nil {
		return "", ErrRefused
	}
	answer, ok, err := parseAnswer(b)
	if err == nil && !ok {
		err = ErrRefused
	}
	return answer, err
}
