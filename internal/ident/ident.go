// Package ident tells who is at the other end of a unix socket, by the kernel's
// word. It needs Linux.
//
// It knows the names of users and groups from /etc/passwd and /etc/group alone,
// and says them only in texts: looking names up in the ways of the C library
// would make whoever imports the package slower to start, and may block on a
// network.
package ident

import (
	"fmt"
	"os"
)

// Peer is the process that connected, as it was when it did. UID, GID, Groups
// and Label are the kernel's word and what may be decided by; the rest is a
// hint, for records: a process number can be another process by now.
type Peer struct {
	UID, GID uint32
	Groups   []uint32 // GID and the supplementary groups, sorted, without duplicates and those that have no number here
	Label    string   // its security label, "" without a security module

	PID   int
	Start uint64   // when the process started, in clock ticks since boot; 0: not known
	Exe   string   // its executable; "" when it cannot be read
	PIDFD *os.File // refers to the process for sure; nil before Linux 6.5, and up to 6.15 when it is gone
}

// Limits of what is read about a peer.
const (
	MaxGroups = 65536   // supplementary groups, the kernel's own limit
	MaxLabel  = 4 << 10 // bytes of a security label; a longer one is an error
	MaxExe    = 1 << 10 // bytes of an executable's name, as it is told
)

// Close closes PIDFD. It may be called on a Peer that has none.
func (p *Peer) Close() error {
	if p.PIDFD == nil {
		return nil
	}
	return p.PIDFD.Close()
}

// Name is the name of the peer's user, "" when /etc/passwd has none. It reads
// that file each time.
func (p *Peer) Name() string { return UserName(p.UID) }

// String is the user, as "uid 1000 (alice)".
func (p *Peer) String() string { return User(p.UID) }

// User is a user in a text: "root", "uid 1000 (alice)", or "uid 1000" without a
// name.
func User(uid uint32) string {
	if uid == 0 {
		return "root"
	}
	if name := UserName(uid); name != "" {
		return fmt.Sprintf("uid %d (%s)", uid, name)
	}
	return fmt.Sprintf("uid %d", uid)
}
