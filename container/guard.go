package container

import (
	"runtime/debug"
	"unsafe"
)

// guard calls fn with b, which is mapped. A fault in b ends fn and becomes
// ErrShrunk; any other panic goes on. Faults in goroutines that fn starts, and in
// the runtime while it holds a lock, are beyond it.
func guard(b []byte, fn func(b []byte) error) (err error) {
	before := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			if !faultIn(b, p) {
				panic(p)
			}
			err = ErrShrunk
		}
	}()
	return fn(b)
}

// faultIn reports whether p is the panic of a fault at an address within b.
func faultIn(b []byte, p any) bool {
	fault, ok := p.(interface{ Addr() uintptr })
	if !ok || len(b) == 0 {
		return false
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return fault.Addr()-start < uintptr(len(b))
}
