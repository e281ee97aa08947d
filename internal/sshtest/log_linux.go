package sshtest

import (
	"bytes"
	"sync"
)

// maxLog is how much is kept of the end of a machine's log, in bytes.
const maxLog = 64 << 10

// log keeps the end of what the first process of a machine says on its stderr.
type log struct {
	listening chan struct{} // closed when sshd says that it listens

	mu   sync.Mutex
	text []byte
	told bool // listening is closed
}

func newLog() *log { return &log{listening: make(chan struct{})} }

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if !l.told && bytes.Contains(l.text, []byte("Server listening on ")) {
		l.told = true
		close(l.listening)
	}
	l.text = l.text[max(0, len(l.text)-maxLog):]
	return len(p), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// tail is the log as the end of an error.
func (l *log) tail() string {
	if text := l.String(); text != "" {
		return "\n" + text
	}
	return ""
}
