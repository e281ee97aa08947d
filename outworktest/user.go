package outworktest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/outwork-go/outwork/internal/hook"
)

// User is who calls a service in a test. The zero value is somebody: nobody's
// name, in no group.
type User struct {
	// Name is what service.User goes by, and "root" is root. UID is what
	// service.UID goes by. A user has one of them, or neither: then, and for a name,
	// the uid is made up. Nobody but "root" has the uid 0.
	Name string
	UID  uint32

	// Groups are the names of the groups that service.Group goes by, and GIDs are
	// numbers for service.GID. All users are besides in a group of their own, which
	// is root's for root.
	Groups []string
	GIDs   []uint32
}

// Where numbers that are made up begin: above what systems hand out, and apart.
const (
	firstUID = 2_000_000_000
	firstGID = 2_100_000_000
)

// names makes up numbers for the names of users and groups: each name is one.
type names struct {
	mu     sync.Mutex
	users  map[string]uint32
	groups map[string]uint32
}

func newNames() *names {
	return &names{users: map[string]uint32{"root": 0}, groups: map[string]uint32{"root": 0}}
}

// numberOf is the number of name, a new one if need be.
func numberOf(known map[string]uint32, name string, first uint32) uint32 {
	id, ok := known[name]
	if !ok {
		id = first + uint32(len(known))
		known[name] = id
	}
	return id
}

// UserID is the number of the user of that name.
func (n *names) UserID(name string) (uint32, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return numberOf(n.users, name, firstUID), nil
}

// GroupID is the number of the group of that name.
func (n *names) GroupID(name string) (uint32, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return numberOf(n.groups, name, firstGID), nil
}

// UserName is the name of a user who has one.
func (n *names) UserName(uid uint32) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, id := range n.users {
		if id == uid && name != "" {
			return name, nil
		}
	}
	return "", fmt.Errorf("no user has uid %d", uid)
}

// caller is u as the kernel would tell of them.
func (n *names) caller(u User) (hook.Caller, error) {
	c := hook.Caller{UID: u.UID, Groups: slices.Clone(u.GIDs)}
	switch {
	case u.UID != 0 && u.Name != "":
		return c, errors.New("a user has a Name or a UID: the uid of a name is made up")
	case u.UID == 0:
		c.UID, _ = n.UserID(u.Name)
	}
	c.GID = c.UID // a group of their own, as most systems give
	c.Groups = append(c.Groups, c.GID)
	for _, name := range u.Groups {
		id, _ := n.GroupID(name)
		c.Groups = append(c.Groups, id)
	}
	slices.Sort(c.Groups)
	c.Groups = slices.Compact(c.Groups)
	return c, nil
}
