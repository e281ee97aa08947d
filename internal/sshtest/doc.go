// Package sshtest makes machines for tests and benchmarks: real sshd, sudo and login
// shells, each machine with its own file system, processes, host name and, if asked,
// network. A machine sees the programs of this one, but its changes go to memory, and
// its home, cache and temporary directories start empty. It ends with [Machine.Close],
// with the test, or with the test process, even one killed by SIGKILL, and leaves
// nothing behind: no process, mount, interface or file.
//
// There is also [Proxy], which delays, slows, stalls or cuts what passes through it,
// [NewBastion] for a machine that is reached only from another, and [NewContainer] for
// what docker exec and podman exec enter.
//
// Machines need Linux, root, and these Debian packages: iproute2, openssh-client,
// openssh-server, sudo, util-linux; fish and tcsh for those shells, busybox-static for
// Options.Busybox, and busybox-static, crun and podman for a container. Installing
// openssh-server may start the sshd of this machine, which the tests do not need.
// A machine's clock is this machine's: Linux has no namespace for it. It has no control
// groups, and of this machine's files it sees those of the root file system alone.
package sshtest
