// Package ident tells who is at the other end of a unix socket, by the
// kernel's word.
package ident

import "os"

// Peer is the process that connected, as it was when it did. UID, GID, Groups
// and Label are the kernel's word and what may be decided by; the rest is a
// hint, for records: a process number can be another process by now.
type Peer struct {
	UID, GID uint32
	Groups   []uint32 // GID and the supplementary groups, sorted, without duplicates
	Label    string   // its security label, "" without a security module

	PID   int
	Start uint64   // when the process started, in clock ticks since boot; 0: not known
	Exe   string   // its executable; "" when it cannot be read
	PIDFD *os.File // refers to the process for sure; nil before Linux 6.5
}
