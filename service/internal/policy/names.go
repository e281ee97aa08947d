package policy

import (
	"errors"
	"fmt"
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

// hostNames are the names of this host. A look-up may ask the network, where the
// host has its users there.
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

// UserSubject is a user of this host as they would be after logging in anew, for
// Explain. who is a name or a number; a number needs no entry on the host, and
// has no groups then.
func UserSubject(who string) (Subject, error) {
	u, err := user.Lookup(who)
	if err != nil {
		uid, numeric := number(who)
		if numeric != nil {
			return Subject{}, fmt.Errorf("there is no user %s on this host", printable(who))
		}
		if u, err = user.LookupId(who); errors.As(err, new(user.UnknownUserIdError)) {
			return Subject{UID: uid}, nil
		}
		if err != nil {
			return Subject{}, fmt.Errorf("look up uid %s: %w", who, err)
		}
	}
	return subjectOf(u)
}

func subjectOf(u *user.User) (Subject, error) {
	uid, err := number(u.Uid)
	if err != nil {
		return Subject{}, fmt.Errorf("user %s has no number: %w", printable(u.Username), err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return Subject{}, fmt.Errorf("look up the groups of user %s: %w", printable(u.Username), err)
	}
	s := Subject{UID: uid}
	for _, id := range ids {
		gid, err := number(id)
		if err != nil {
			return Subject{}, fmt.Errorf("user %s has a group without a number: %w", printable(u.Username), err)
		}
		s.Groups = append(s.Groups, gid)
	}
	return s, nil
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
