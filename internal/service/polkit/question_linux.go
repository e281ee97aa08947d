package polkit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"github.com/outwork-go/outwork/internal/ident"
	"github.com/outwork-go/outwork/internal/service/policy"
)

// What polkit is called on the bus.
const (
	polkitName      = "org.freedesktop.PolicyKit1"
	polkitPath      = "/org/freedesktop/PolicyKit1/Authority"
	polkitInterface = polkitName + ".Authority"
)

const (
	// allowInteraction lets polkit ask the user to authenticate.
	allowInteraction uint32 = 1

	// pidfdVersion is the first polkitd that takes a pidfd.
	pidfdVersion = 124
)

// question is what is asked, frozen.
type question struct {
	peer    *ident.Peer
	pidfd   int // our own; -1: none
	action  string
	details map[string]string
}

// newQuestion takes q over. It must be closed.
func newQuestion(q policy.Question) (*question, error) {
	peer := q.Subject.Peer
	switch {
	case peer == nil || peer.UID != q.Subject.UID || !peer.Alive():
		return nil, ErrGone
	case peer.UID > math.MaxInt32:
		// It would take such a number for none, and look for the uid itself.
		return nil, fmt.Errorf("polkit cannot be asked about uid %d: it takes them up to %d", peer.UID, math.MaxInt32)
	}
	asked := &question{peer: peer, pidfd: -1, action: q.Action, details: map[string]string{}}
	if os.Geteuid() == 0 {
		asked.details = bounded(q.Details)
	}
	if peer.PIDFD != nil {
		if asked.pidfd = duplicate(peer.PIDFD); asked.pidfd < 0 {
			return nil, ErrGone
		}
	}
	return asked, nil
}

func (q *question) close() {
	if q.pidfd >= 0 {
		unix.Close(q.pidfd)
	}
}

// duplicate is a descriptor that stays when the peer is closed in between, or -1.
func duplicate(file *os.File) (fd int) {
	fd = -1
	raw, err := file.SyscallConn()
	if err != nil {
		return -1
	}
	err = raw.Control(func(from uintptr) {
		if to, err := unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			fd = to
		}
	})
	if err != nil {
		return -1
	}
	return fd
}

// bounded are details as polkit may have them: text without what could forge a
// dialogue, and none of those by which polkit itself is told what to show.
func bounded(details map[string]string) map[string]string {
	short := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(details)) {
		if len(short) == MaxDetails {
			break
		}
		if !strings.HasPrefix(name, "polkit.") {
			short[clean(name, MaxDetailName)] = clean(details[name], MaxDetailValue)
		}
	}
	return short
}

// clean is text of one line, cut at most bytes.
func clean(s string, most int) string {
	cut := len(s) > most
	if cut {
		s = s[:most-len("…")]
	}
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if cut {
		s += "…"
	}
	return s
}

// subject is the process as polkit takes it.
type subject struct {
	Kind    string
	Details map[string]dbus.Variant
}

func (q *question) subject(version int64) subject {
	details := map[string]dbus.Variant{
		"pid":        dbus.MakeVariant(uint32(q.peer.PID)),
		"start-time": dbus.MakeVariant(q.peer.Start),
		"uid":        dbus.MakeVariant(int32(q.peer.UID)),
	}
	if q.pidfd >= 0 && version >= pidfdVersion {
		details["pidfd"] = dbus.MakeVariant(dbus.UnixFD(q.pidfd))
	}
	return subject{"unix-process", details}
}

// result is what polkit says.
type result struct {
	Authorized, Challenge bool
	Details               map[string]string
}

// check asks polkit. When ctx ends it withdraws the question.
func (b *bus) check(ctx context.Context, q *question) (policy.Answer, error) {
	version, err := b.backend(ctx, q.action)
	if err != nil {
		return policy.Answer{}, err
	}
	id := "outwork-" + strconv.FormatUint(b.questions.Add(1), 10)
	var r result
	call := b.call(ctx, polkitInterface+".CheckAuthorization", q.subject(version), q.action, q.details, allowInteraction, id)
	switch {
	case ctx.Err() != nil:
		b.withdraw(id)
		return policy.Answer{}, ctx.Err()
	case call.Err != nil:
		return policy.Answer{}, b.explain(call.Err, q.action)
	}
	if err := call.Store(&r); err != nil {
		return policy.Answer{}, fmt.Errorf("polkit's answer cannot be read: %w", err)
	}
	return r.answer(), nil
}

// withdraw ends a question at polkit, and with it what it shows to the user. It
// waits for no answer.
func (b *bus) withdraw(id string) {
	b.socket.SetWriteDeadline(time.Now().Add(busTime))
	b.polkit.Go(polkitInterface+".CancelCheckAuthorization", dbus.FlagNoReplyExpected, nil, id)
}

func (r *result) answer() policy.Answer {
	switch {
	case r.Authorized:
		return policy.Answer{Yes: true}
	case r.Details["polkit.dismissed"] != "":
		return policy.Answer{Why: "the authentication was dismissed"}
	case r.Challenge:
		return policy.Answer{Why: "it takes authentication, and no agent is there to ask for it: run pkttyagent, or call from a desktop session"}
	}
	return policy.Answer{Why: "polkit said no"}
}

// wrong is what polkit found wrong with a question.
func wrong(said dbus.Error, action string) error {
	if strings.Contains(said.Error(), "is not registered") {
		return fmt.Errorf("polkit does not know the action %s: install its .policy file in /usr/share/polkit-1/actions", action)
	}
	return errors.New("polkit does not answer: " + clean(said.Error(), MaxDetailValue))
}
