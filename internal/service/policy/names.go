package policy

import (
	"os/user"
	"strconv"
	"sync"
)

// Names looks users and groups up. It must be safe for concurrent use.
type Names interface {
	// UserID and GroupID fail with user.UnknownUserError and
	// user.UnknownGroupError for a name that does not exist.
	UserID(name string) (uint32, error)
	GroupID(name string) (uint32, error)

	UserName(uid uint32) (string, error)
}

// hostNames are the names of this host: those that its C library knows, which may
// ask the network, or those of /etc/passwd and /etc/group in a program that is
// built without cgo.
type hostNames struct{}

func (hostNames) UserID(name string) (uint32, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return number(u.Uid)
}

func (hostNames) GroupID(name string) (uint32, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return number(g.Gid)
}

func (hostNames) UserName(uid uint32) (string, error) {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return "", err
	}
	return u.Username, nil
}

func number(id string) (uint32, error) {
	n, err := strconv.ParseUint(id, 10, 32)
	return uint32(n), err
}

// maxKnownUsers is how many users' names are kept, so that one who is denied
// over and over costs no look-up each time.
const maxKnownUsers = 1024

// users remembers what uids are called.
type users struct {
	names Names

	mu    sync.Mutex
	known map[uint32]string // "" for those without a name
}

// name is what a uid is called, or "" if nobody knows.
func (u *users) name(uid uint32) string {
	u.mu.Lock()
	name, ok := u.known[uid]
	u.mu.Unlock()
	if ok {
		return name
	}
	name, err := u.names.UserName(uid) // not under the lock: it may ask the network
	if err != nil {
		name = ""
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.known) < maxKnownUsers {
		u.known[uid] = name
	}
	return name
}
