// Package core is what the daemon does for its clients: types, and functions
// that know nothing of policies, sockets and command lines. Each validates what
// it is given beyond the tags of its types wherever a mistake would reach the
// system.
package core

// Nothing is what a function takes or tells that has nothing to take or tell.
type Nothing struct{}
