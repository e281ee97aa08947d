package attack

import (
	"fmt"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// verdict is what may become of an attempt. The zero verdict is that it is not tried there.
type verdict struct {
	well   bool            // it goes well
	killed bool            // the filter kills who tries
	errnos []syscall.Errno // the kernel's refusals
}

// The verdicts.
var (
	well     = verdict{well: true}
	killed   = verdict{killed: true}
	refused  = reaches(unix.EPERM, unix.EACCES, unix.ENOSYS)
	hidden   = refused.or(unix.ENOENT)                        // there is no such file, for who asks
	fixed    = refused.or(unix.ENOENT, unix.EROFS)            // nor can it be changed
	unseen   = refused.or(unix.ESRCH)                         // there is no such process
	stopped  = verdict{killed: true, errnos: refused.errnos}  // no library tries that
	vain     = verdict{well: true, errnos: refused.errnos}    // it may go well, and changes nothing outside
	cut      = verdict{killed: true, errnos: unseen.errnos}   // stopped, or nobody is there
	gone     = verdict{killed: true, errnos: fixed.errnos}    // stopped, or nothing is there
	lone     = vain.or(unix.ESRCH, unix.EINVAL, unix.EBADF)   // it is about itself alone
	toneless = refused.or(unix.ENOTTY)                        // whatever it is, it is no terminal for who asks
	unowned  = refused.or(unix.EINVAL)                        // there is no such id in its namespace
	faulty   = reaches(unix.EFAULT, unix.EINVAL, unix.ENOSYS) // the kernel would, were the arguments right
)

// reaches is that the kernel answers so.
func reaches(errnos ...syscall.Errno) verdict { return verdict{errnos: errnos} }

// or is v, or one of these answers.
func (v verdict) or(errnos ...syscall.Errno) verdict {
	v.errnos = slices.Concat(v.errnos, errnos)
	return v
}

// orWell is v, or that it goes well.
func (v verdict) orWell() verdict {
	v.well = true
	return v
}

func (v verdict) tried() bool { return v.well || v.killed || len(v.errnos) > 0 }

func (v verdict) String() string {
	var all []string
	if v.well {
		all = append(all, "goes well")
	}
	if v.killed {
		all = append(all, "killed")
	}
	for _, e := range v.errnos {
		all = append(all, unix.ErrnoName(e))
	}
	return fmt.Sprint(all)
}

// outcome is what became of an attempt, as who made it tells, or as its end does.
type outcome struct {
	Errno  int    // of the kernel; 0: it went well, unless one of the others tells
	Odd    string // an error that is no errno
	Killed bool   // by the filter
	Lost   string // it ended otherwise
}

func (o outcome) String() string {
	switch {
	case o.Killed:
		return "killed"
	case o.Lost != "":
		return "lost: " + o.Lost
	case o.Odd != "":
		return o.Odd
	case o.Errno != 0:
		return unix.ErrnoName(syscall.Errno(o.Errno))
	}
	return "goes well"
}

// allows reports whether v has o in it.
func (v verdict) allows(o outcome) bool {
	switch {
	case o.Killed:
		return v.killed
	case o.Lost != "" || o.Odd != "":
		return false
	case o.Errno != 0:
		return slices.Contains(v.errnos, syscall.Errno(o.Errno))
	}
	return v.well
}
