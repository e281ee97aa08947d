package outworktest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/service"
)

// Site is the machine on which a service is served, as far as it is not the
// test's. The zero value has no policy files and no polkit.
type Site struct {
	// Policy is the text of a policy file, as in /etc/NAME/policy.d. It needs Linux.
	Policy string

	// Polkit answers for polkit; without it, nobody is authorized. An error is
	// polkit not answering, which authorizes nobody either. It may be called
	// concurrently.
	Polkit func(ctx context.Context, caller service.Identity, action string) (bool, error)
}

// Daemon is a service that is served in the process of the test.
type Daemon struct {
	t      testing.TB
	names  *names
	served *hook.Served

	mu      sync.Mutex // guards what follows
	records []Record
}

// Serve serves s in this process, to the users that [Daemon.As] makes up:
//
//	d := outworktest.Serve(t, hostctl, outworktest.Site{})
//	conn := d.As(outworktest.User{Groups: []string{"hostctl"}})
//	reply, err := SetHostname.Call(t.Context(), conn, HostnameArgs{Name: "web1"})
//
// A call takes the way that it takes in a real daemon: it waits for its turn, is
// decided by the policy that s declares and site adds, validated, asked about,
// recorded before and after, and its errors and callbacks cross as ever. Inside a
// testing/synctest bubble time is the bubble's. It needs no root.
//
// What differs from a real daemon, besides what the package says of workers:
//
//   - Who calls is whom the test says. All of them have the test's process id, and
//     no executable.
//   - Users and groups are the test's own: each name that a rule or a [User] has is
//     one, whatever the machine's are, and is only that.
//   - Nothing is read of the machine: no socket, no policy files but the site's, no
//     polkit, no journal. Connections are not counted.
//   - Records are kept for [Daemon.Records], each denial by itself, and always can
//     be. What the daemon logs is in the test's output.
//
// A mistake in the description or in the policy ends the test. When it ends, the
// calls that run are cancelled and waited for, two seconds at most: a function must
// heed its context.
func Serve(t testing.TB, s service.Service, site Site) *Daemon {
	t.Helper()
	d := &Daemon{t: t, names: newNames()}
	o := hook.ServeOptions{
		Log:   slog.New(slog.NewTextHandler(t.Output(), nil)),
		Names: d.names, Polkit: site.polkit(), Record: d.record,
	}
	if site.Policy != "" {
		o.PolicyDir, o.PolicyOwner = policyDir(t, site.Policy), uint32(os.Geteuid())
	}
	var err error
	if d.served, err = hook.Serve(s, o); err != nil {
		t.Fatalf("serve %s in memory: %v", s.Name, err)
	}
	t.Cleanup(d.served.Stop)
	return d
}

// As connects as u. The connection is closed when the test ends, if not before.
// It is called by the goroutine that runs the test, since a failure ends it.
func (d *Daemon) As(u User) *client.Conn {
	d.t.Helper()
	caller, err := d.names.caller(u)
	if err != nil {
		d.t.Fatalf("connect as %+v: %v", u, err)
	}
	c, err := d.served.Connect(d.t.Context(), caller)
	if err != nil {
		d.t.Fatalf("connect as %+v: %v", u, err)
	}
	conn := c.(*client.Conn)
	d.t.Cleanup(func() { conn.Close() })
	return conn
}

// policyDir is a directory with a policy file of that text.
func policyDir(t testing.TB, text string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "test.yaml"), []byte(text), 0o600)
	}
	if err != nil {
		t.Fatalf("write the policy: %v", err)
	}
	return dir
}

func (s Site) polkit() func(context.Context, hook.Caller, string) (bool, error) {
	if s.Polkit == nil {
		return nil
	}
	return func(ctx context.Context, c hook.Caller, action string) (bool, error) {
		return s.Polkit(ctx, service.Identity{UID: c.UID, GID: c.GID, Groups: c.Groups, PID: os.Getpid()}, action)
	}
}

// Record is one that a service keeps of its calls: before a call of a function
// that mutates, after it, and of each that was denied.
type Record struct {
	Event    string // "call" before, "done" after, "denied"
	Request  string // the same before and after
	UID      uint32
	Function string
	Args     string // JSON, without what is secret
	Decision string // "allowed", "denied"
	Rule     string // what decided: "code: group hostctl"
	Result   string // of what is done: "ok", "error", "panic", "cancelled", "deadline"
	Error    string // of a Result "error"
	Duration time.Duration
}

// Records are those kept so far, in the order in which they were made. It may be
// called concurrently.
func (d *Daemon) Records() []Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.records)
}

func (d *Daemon) record(r hook.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.records = append(d.records, Record(r))
}
