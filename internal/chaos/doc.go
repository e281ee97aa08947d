// Chaos runs all parts of this module at once for a given time, disturbs them, and counts what is
// left:
//
//	go run ./internal/chaos -for 30m -seed 7
//
// It needs Linux, root, and what package sshtest needs. All of it happens in namespaces of its own
// (mounts, processes, network, host name, IPC), in which whatever is there at the end can only be
// the run's; the kernel takes them away with it, however it ends. -loads and -disturb name those
// that take part, with commas; without them all do.
//
// A load (load_*.go) is a process of its own that has managers work, one after another, each for a
// round, and keeps a ledger: each call that it issues ends once, with a result that is right or an
// error of a kind that it may have; what it called has run once at most, not at all when that is
// what the error says, and what it printed and logged was there before its result. After each round
// the load counts its goroutines, file descriptors and children. A disturbance (disturb_*.go) does
// harm from outside: to processes, links, disks and limits. The last round of each load is calm:
// nobody disturbs it, and nothing may fail.
//
// What goes wrong is printed as it is found, with the disturbances before it. At the end come tables
// of what was done, of what is left, and of what was found; the exit status is 1 when there is
// anything in the last two. With the same seed the same things are drawn in the same order; when
// they happen the machine decides.
package main
