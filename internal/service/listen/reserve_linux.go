package listen

import (
	"sync"

	"golang.org/x/sys/unix"
)

// Descriptors that are held in reserve.
const (
	reserveFiles  = 8                      // what a connection of root's needs, and some more
	reserveMargin = filesPerConnection - 1 // must be free besides, for root's that is being set up
)

// reserve are file descriptors of no use but to be closed: when others have used
// up all that the process may have, root comes in by them.
//
//	full ── drop: to accept one ──► restore: it was not root
//	 ▲                         └──► release: it was, and needs the rest
//	 └────────── refill: there are enough again ──────────┘
type reserve struct {
	mu    sync.Mutex
	files []int // guarded by mu
	level int   // guarded by mu: how many there are to be now
	want  int   // guarded by mu: how many there are to be when there are enough; 0 once closed
}

// newReserve holds as many descriptors as it can get, up to want.
func newReserve(want int) *reserve {
	r := &reserve{level: want}
	r.restore()
	r.level = len(r.files)
	r.want = r.level
	return r
}

// drop closes one, and reports whether there was one.
func (r *reserve) drop() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.files) == 0 {
		return false
	}
	r.cut(len(r.files) - 1)
	return true
}

// restore brings back what was dropped, as far as others have not taken it.
func (r *reserve) restore() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.grow(r.level)
}

// release closes all, until there are enough again.
func (r *reserve) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.level = 0
	r.cut(0)
}

// refill makes the reserve full and reports whether it is. Unless a margin is free
// besides, it leaves all as it was.
func (r *reserve) refill() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	had := len(r.files)
	if had == r.want {
		return true
	}
	if !r.grow(r.want + reserveMargin) {
		r.cut(had)
		return false
	}
	r.cut(r.want)
	r.level = r.want
	return true
}

// close closes all for good.
func (r *reserve) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.level, r.want = 0, 0
	r.cut(0)
}

// grow opens more until there are n, and reports whether it could.
func (r *reserve) grow(n int) bool {
	for len(r.files) < n {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			return false
		}
		r.files = append(r.files, fd)
	}
	return true
}

// cut closes all but n.
func (r *reserve) cut(n int) {
	for _, fd := range r.files[n:] {
		unix.Close(fd)
	}
	r.files = r.files[:n]
}
