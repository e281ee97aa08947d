package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/resume"
	"github.com/outwork-go/outwork/internal/tcp"
	"github.com/outwork-go/outwork/internal/transport"
)

// greet says the preamble on the agent's own stream, and hears the manager's. What comes
// next is a link, or a lasting stream that carries one.
func greet(t mux.Transport, silence time.Duration) (stream *resume.Conn, err error) {
	var late atomic.Bool
	defer time.AfterFunc(link.HandshakeTimeout, func() {
		late.Store(true)
		t.Wake()
	}).Stop()
	if err := transport.SendAll(t, [][]byte{frame.Preamble()}, nil); err != nil {
		return nil, err
	}
	b := make([]byte, frame.PreambleSize)
	for n := 0; n < len(b); {
		k, err := recv(t, b[n:], late.Load)
		if late.Load() {
			return nil, fmt.Errorf("no manager spoke within %v", link.HandshakeTimeout)
		}
		if errors.Is(err, io.EOF) {
			err = errors.New("its standard input ended before a manager spoke")
		}
		if err != nil {
			return nil, err
		}
		n += k
	}
	if !frame.IsLasting(b) {
		return nil, frame.CheckPreamble(b)
	}
	stream = resume.New(resume.Config{Silence: silence, Redial: time.Minute})
	stream.Answer(t)
	return stream, nil
}

// connectBack moves the link to a connection that the agent dials, and sees to it that
// another follows when that is cut.
func (s *server) connectBack(ctx context.Context, b *back) (*backReply, error) {
	if s.stream == nil {
		return nil, errors.New("the agent's link is none that could be moved")
	}
	p, err := tcp.Get()
	if err != nil {
		return nil, err
	}
	addresses := b.addresses(os.Getenv("SSH_CONNECTION"))
	d, err := p.Dial(addresses, b.To)
	if err != nil {
		return nil, err
	}
	s.stream.SetRedial(b.Redial)
	ctx, cancel := context.WithTimeout(ctx, backTimeout)
	defer cancel()
	address, _, err := d.Join(ctx, s.stream)
	if err != nil && s.stream.Joined() {
		return nil, err
	}
	leaveSession()
	s.keeper.Go(func() { d.Keep(s.life, s.stream) })
	if err != nil { // after JOIN there is no way back: ADMIT may be under way
		if s.stream.AwaitJoin() {
			return nil, err
		}
		address = addresses[0]
	}
	return &backReply{address}, nil
}

// backTimeout is how long the agent tries to connect back.
const backTimeout = 20 * time.Second

// addresses are those that are dialled, of which the first is where ssh comes from.
func (b *back) addresses(connection string) []string {
	client, _, _ := strings.Cut(connection, " ")
	if b.To.Port == 0 || client == "" {
		return b.To.Addresses
	}
	if strings.Contains(client, ":") {
		client = "[" + client + "]"
	}
	first := client + ":" + strconv.Itoa(b.To.Port)
	all := []string{first}
	for _, a := range b.To.Addresses {
		if a != first {
			all = append(all, a)
		}
	}
	return all
}

// leaveSession lets go of what the hop has given to the agent, whose end is not the
// agent's any more.
func leaveSession() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // not Ignore: what is started would inherit that
	_, _ = unix.Setsid()                                   // who leads a group already has a session of its own, from sshd
	if null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0); err == nil {
		for fd := range 3 {
			_ = unix.Dup2(null, fd)
		}
		unix.Close(null)
	}
}
