package confine

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// arm64 has none of the calls that newer ones have replaced.
var oldBasic, oldLook, oldChange, oldAttributes, oldFork, oldHostile, oldRefused []uintptr

func ofArchitecture(calls) {}

// opens are the calls that open files, and the argument that their flags are.
var opens = map[uintptr]int{unix.SYS_OPENAT: 2}
