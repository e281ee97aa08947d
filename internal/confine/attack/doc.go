// Package attack tries to get out: its tests have a worker, and programs that the worker
// starts, do what a hostile file that has taken it over would do, in every level of
// confinement, as root and as an ordinary user, in a program of pure Go and in one with cgo (under
// the race detector). What is to become of each attempt stands in a table with it. A refusal
// alone would prove little, so each is tried without confinement too, where it must get
// through, or as far as the kernel's look at its arguments.
//
// The package itself has only what Go cannot say.
package attack
