package service

import (
	"context"
	"os"
	"time"

	"github.com/outwork-go/outwork"
)

// Service describes a daemon and its command. What is zero has a default.
type Service struct {
	// Name is the command's: a word of lower-case letters, digits and dashes. The
	// daemon's is made from it: hostd for hostctl, hellod for hello.
	Name    string
	Doc     string // what it is for; the first sentence stands alone in lists
	Version string // of the program, as it tells it; "" is its build's

	API    []Export
	Socket Socket
	Limits Limits
	Needs  Needs

	// Start is called in the daemon before it serves, for what its functions need as long as
	// it lives: an [outwork.Manager], a pool of workers. An error is why the daemon does not
	// start. Its context ends when the daemon is asked to end meanwhile, and not after it
	// has returned. What it returns is called when the last call has ended, or is given up; nil is
	// nothing. The command does not call it. nil: there is nothing to start.
	Start func(context.Context) (stop func() error, err error)

	// AuditFile is where the records go, besides the journal: a file of JSON lines.
	// "" is /var/log/NAME/audit.jsonl. A directory that is not the service's own, as
	// /var/log/NAME is, must be there before the installed daemon starts.
	AuditFile string
}

// Export is a function that a service offers.
type Export struct {
	Function outwork.AnyFunction
	Doc      string // one or more sentences, for help and man pages

	// Allow says who may call it; the zero Rule, nobody but root. Files of the
	// administrator's, in /etc/NAME/policy.d, come before it.
	Allow Rule

	// Mutates makes each call be recorded before it runs and after, and refuses it
	// when it cannot be recorded.
	Mutates bool

	// Asks are functions that it may call back at its client, by [call.Back],
	// which the generated command grants.
	Asks []outwork.AnyFunction
}

// Socket is where a daemon listens, unless systemd hands it a socket.
type Socket struct {
	Path  string      // "" is /run/NAME.sock
	Mode  os.FileMode // permission bits; 0 is 0666: the policy decides, and can say what is missing
	Group string      // who owns it besides root; "" is root's
}

// Limits bound what clients can make a daemon hold and do. A zero is the
// constant of the same name.
type Limits struct {
	Connections        int           // at once; an eighth of them is kept for root, and no more than file descriptors allow
	ConnectionsPerUser int           // at once, of one uid other than root
	Calls              int           // at once, of one connection
	CallsPerUser       int           // at once, of one uid other than root; more wait for a second, then are refused as busy
	Argument           int           // bytes of one call's arguments
	CallTime           time.Duration // that a call may take, and the most that its client may ask for
}

// The limits that hold unless a Service says otherwise.
const (
	Connections        = 1024
	ConnectionsPerUser = 32
	Calls              = 16
	CallsPerUser       = 16
	Argument           = 1 << 20 // bytes
	CallTime           = 5 * time.Minute
)

// Needs are what the daemon needs beyond the hardened unit that install-files
// writes: by default it has no capability, a read-only file system, unix
// sockets alone, no device, and nothing of the host that could be changed. Each
// need opens what it names and leaves the rest.
type Needs struct {
	// Capabilities are those of root's that it keeps: "CAP_CHOWN".
	Capabilities []string

	// Writes are the files and directories that it may change, absolute. Only in
	// a directory that is named can a file be replaced. For what is in /var/lib/NAME,
	// /var/cache/NAME or /run/NAME, of the command's name or the daemon's, systemd
	// makes that directory when the daemon starts, the first two with mode 0700.
	// Any other path must be there by then, or stays closed.
	Writes []string

	// Families are the address families of its sockets besides AF_UNIX: "AF_INET".
	Families []string

	// Syscalls are system calls beyond what services do, or systemd's groups of
	// them: "sethostname", "@chown".
	Syscalls []string

	Hostname    bool // it sets the host's name
	Sysctl      bool // it reads or sets kernel parameters in /proc/sys
	Devices     bool // it uses the devices in /dev
	Homes       bool // it reads below /home, /root or /run/user
	Processes   bool // its records tell callers' executables, and it may look into other processes
	Executables bool // it makes memory executable, as a compiler at run time does
	Sandboxes   bool // its functions start workers with a sandbox.Config
}
