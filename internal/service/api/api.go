// Package api is a service as its parts see it: the daemon that serves it, the
// command that is made from it, and what is installed for it. It holds data and
// does nothing.
package api

import (
	"os"
	"time"

	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/internal/service/policy"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// Service is a checked description: names are valid and unique, types cross.
type Service struct {
	Name      string // of the command: "hostctl"
	Daemon    string // of the daemon: "hostd"
	Doc       string // sentences, the first of them alone in lists
	Version   string
	Functions []*Function // sorted by name
	Socket    Socket
	Limits    Limits
	PolicyDir string // of the administrator's files
	AuditFile string // of JSON lines
}

// Function is one exported function.
type Function struct {
	Link    *link.Function // as it was registered; Invoke is nil in a client that only declares it
	Doc     string
	Args    *schema.Type
	Reply   *schema.Type
	Rule    policy.Rule      // declared in code
	Mutates bool             // its calls are recorded
	Asks    []*link.Function // what it may call back at its caller
}

// Socket is where a daemon listens.
type Socket struct {
	Path  string      // absolute
	Mode  os.FileMode // permission bits
	Group string      // its owner group; "" is the daemon's own
}

// Limits bound what clients can make a daemon hold. None is zero.
type Limits struct {
	Connections        int           // at once, of all users
	ConnectionsPerUser int           // at once, of one uid; root is not held to it
	Calls              int           // running at once for one connection
	CallsPerUser       int           // running at once for one uid
	Argument           int           // bytes of a call's encoded argument, and of what travels beside it
	CallTime           time.Duration // of a call whose client named no deadline, and the most that it may name
}
