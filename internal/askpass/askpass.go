// Package askpass answers what ssh, and programs like it, ask through the program that
// SSH_ASKPASS names. That program is this one, started once more by ssh; it brings the
// question to the process that started ssh, and prints the answer for ssh.
//
// ssh closes all descriptors but the standard ones, so that none can be handed down to
// what it starts. Nothing is put into the file system instead: the question goes into a
// pipe of the asked process, opened as /proc/PID/fd/N, which the kernel allows to
// processes of the same user alone; the answer comes back in a pipe of the asking
// process, opened the same way. So each has an answer of its own however many ask at
// once, and each sees by its pipe that the other has gone. The variable that says where
// to ask has the pipe's inode number: one that outlives its pipe leads nowhere. Nothing
// secret is in an argument, in an environment or in a file.
package askpass

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Variable is the environment variable that says where to ask.
const Variable = "OUTWORK_ASKPASS"

const (
	// MaxText bounds a question, in bytes: the rest of a longer one is cut off.
	MaxText = requestSize - requestHead
	// MaxAnswer bounds an answer, in bytes. ssh takes at most 1022.
	MaxAnswer = answerSize - answerHead
)

// Question is what a program asks.
type Question struct {
	Text   string // as the program put it
	Secret bool   // the answer must not be shown
	Notice bool   // there is nothing to answer: ctx ends when it is over
}

// Ask answers a question. The context ends when the program that asks has gone, or the
// Server is closed; Close waits until it has returned. It may be called from several
// goroutines. An error is a refusal.
type Ask func(ctx context.Context, q Question) (answer string, err error)

// Check is why an answer cannot be one, or nil.
func Check(answer string) error {
	switch {
	case strings.ContainsAny(answer, "\r\n\x00"):
		return errors.New("an answer cannot have two lines")
	case len(answer) > MaxAnswer:
		return fmt.Errorf("an answer of %d bytes is longer than the %d that are taken", len(answer), MaxAnswer)
	}
	return nil
}

// ErrRefused is that of Run when nobody answers, which who started it knows by its exit
// status.
var ErrRefused = errors.New("nobody answers")

// Names of ssh.
const (
	programVariable = "SSH_ASKPASS"
	requireVariable = "SSH_ASKPASS_REQUIRE" // since OpenSSH 8.4
	hintVariable    = "SSH_ASKPASS_PROMPT"
	displayVariable = "DISPLAY" // without one an older ssh does not ask
)

// Refuse is env for programs that nobody answers. It may be used for appending to env.
func Refuse(env []string) []string {
	return append(without(env), requireVariable+"=never")
}

func without(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains([]string{Variable, programVariable, requireVariable, hintVariable}, name)
	})
}

// Wanted reports whether this process was started to ask. It has then the name that ssh
// was told, which no other program is started by: what ssh starts otherwise, as a
// ProxyCommand, has the same environment.
func Wanted() bool {
	return len(os.Args) == 2 && os.Args[0] == os.Getenv(programVariable) && ours(os.Args[0])
}

// program is this one for the processes that pid starts, even if its file was deleted.
func program(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/exe" }

func ours(name string) bool {
	number, ok := strings.CutPrefix(name, "/proc/")
	number, ok2 := strings.CutSuffix(number, "/exe")
	pid, err := strconv.Atoi(number)
	return ok && ok2 && err == nil && program(pid) == name
}

// A pipe that another process can open.
type address struct {
	pid, fd uint32
	inode   uint64
}

func (a address) String() string { return fmt.Sprintf("%d/%d/%d", a.pid, a.fd, a.inode) }

func parseAddress(s string) (a address, err error) {
	fields := strings.Split(s, "/")
	if len(fields) != 3 {
		return a, fmt.Errorf("%q has not three numbers", s)
	}
	pid, err1 := strconv.ParseUint(fields[0], 10, 31)
	fd, err2 := strconv.ParseUint(fields[1], 10, 31)
	inode, err3 := strconv.ParseUint(fields[2], 10, 64)
	return address{uint32(pid), uint32(fd), inode}, errors.Join(err1, err2, err3)
}

// A request is one write of requestSize bytes, which a pipe keeps in one piece:
//
//	0   4  pid        of the asking process
//	4   4  fd         its pipe, which the answer goes to
//	8   8  inode      of that pipe
//	16  1  kind       below
//	17  1  0
//	18  2  length     of the text
//	20  …  text, and zeros
const (
	requestSize = 4096 // PIPE_BUF
	requestHead = 20
)

type kind uint8

const (
	kindSecret  kind = iota
	kindShown        // the answer may be shown
	kindConfirm      // yes or no
	kindNotice       // there is nothing to answer
	kinds
)

type request struct {
	from address
	kind kind
	text string
}

func (r *request) bytes() []byte {
	b := make([]byte, requestSize)
	binary.BigEndian.PutUint32(b, r.from.pid)
	binary.BigEndian.PutUint32(b[4:], r.from.fd)
	binary.BigEndian.PutUint64(b[8:], r.from.inode)
	b[16] = byte(r.kind)
	n := copy(b[requestHead:], r.text)
	binary.BigEndian.PutUint16(b[18:], uint16(n))
	return b
}

func parseRequest(b []byte) (r request, err error) {
	if len(b) != requestSize {
		return r, errors.New("not the size of a request")
	}
	n := binary.BigEndian.Uint16(b[18:])
	if kind(b[16]) >= kinds || b[17] != 0 || n > MaxText {
		return r, errors.New("not a request")
	}
	r.from = address{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint64(b[8:])}
	r.kind, r.text = kind(b[16]), strings.ToValidUTF8(string(b[requestHead:requestHead+int(n)]), "�")
	return r, nil
}

// question is what a person is asked.
func (r *request) question() Question {
	q := Question{Text: r.text, Secret: r.kind == kindSecret, Notice: r.kind == kindNotice}
	if r.kind == kindConfirm {
		q.Text = strings.TrimRight(q.Text, " \n") + " (yes/no) "
	}
	return q
}

// kindOf tells a question's kind by what ssh says of it in SSH_ASKPASS_PROMPT, and, as
// it says nothing of questions about host keys, by their words. Questions of the host
// begin with "(user@host)": their answers are never shown.
func kindOf(hint, text string) kind {
	switch {
	case hint == "none":
		return kindNotice
	case hint == "confirm":
		return kindConfirm
	case strings.HasPrefix(text, "("):
		return kindSecret
	case strings.Contains(text, "(yes/no"), strings.Contains(text, "'yes'"):
		return kindShown
	}
	return kindSecret
}

// An answer is one write of answerSize bytes:
//
//	0   1  1 if there is one, 0 if it is refused
//	1   1  0
//	2   2  length
//	4   …  answer, and zeros
const (
	answerSize = 1024
	answerHead = 4
)

func answerBytes(answer string, given bool) []byte {
	b := make([]byte, answerSize)
	if !given {
		return b
	}
	b[0] = 1
	n := copy(b[answerHead:], answer)
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	return b
}

// parseAnswer returns ok false for a refusal.
func parseAnswer(b []byte) (answer string, ok bool, err error) {
	if len(b) != answerSize || b[0] > 1 || b[1] != 0 {
		return "", false, errors.New("not an answer")
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n > MaxAnswer {
		return "", false, errors.New("not an answer")
	}
	return string(b[answerHead : answerHead+n]), b[0] == 1, nil
}
