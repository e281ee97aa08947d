package attack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/outwork-go/outwork/sandbox"
	"golang.org/x/sys/unix"
)

// granted is a folder in the scene's, of which the worker was granted one half: "read" to
// read, "write" to write, and nothing of "other". In each is a file that anybody may read and write.
func (s *scene) granted(half, name string) string { return filepath.Join(s.Folder, half, name) }

// grants are attempts at what was granted, and at what lies beside. The verdicts under contained
// and strict are with these grants.
var grants = []attempt{
	{name: "read what may be read", contained: well, strict: well, do: func(s *scene, _ hands) error {
		return opened(s.granted("read", "file"), unix.O_RDONLY)
	}},
	{name: "stat what may be read", contained: well, strict: well, do: func(s *scene, _ hands) error {
		return unix.Stat(s.granted("read", "file"), new(unix.Stat_t))
	}},
	{name: "list what may be read", contained: well, strict: well, do: func(s *scene, _ hands) error { return list(s.granted("read", "")) }},
	{name: "write what may be read", contained: fixed, strict: fixed, do: func(s *scene, _ hands) error {
		return opened(s.granted("read", "file"), unix.O_WRONLY)
	}},
	{name: "truncate what may be read", contained: fixed, strict: fixed, do: func(s *scene, _ hands) error {
		return unix.Truncate(s.granted("read", "file"), 0)
	}},
	{name: "chmod what may be read", contained: fixed, strict: fixed, do: func(s *scene, _ hands) error {
		return unix.Chmod(s.granted("read", "file"), 0o777)
	}},
	{name: "create beside what may be read", contained: fixed, strict: fixed, do: func(s *scene, _ hands) error {
		return opened(s.granted("read", "new"), unix.O_CREAT|unix.O_RDWR)
	}},
	{name: "read and write what may be written", contained: well, strict: well, do: func(s *scene, _ hands) error {
		return opened(s.granted("write", "file"), unix.O_RDWR)
	}},
	{name: "create in what may be written", contained: well, strict: well, do: func(s *scene, _ hands) error {
		name := s.granted("write", "new")
		if err := opened(name, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR); err != nil {
			return err
		}
		return unix.Unlink(name)
	}},
	{name: "truncate what may be written", contained: well, strict: well, do: func(s *scene, _ hands) error {
		return opened(s.granted("write", "file"), unix.O_RDWR|unix.O_TRUNC)
	}},
	{name: "read beside", contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.granted("other", "file"), unix.O_RDONLY)
	}},
	{name: "stat beside", contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Stat(s.granted("other", "file"), new(unix.Stat_t))
	}},
	{name: "stat above", contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return unix.Stat(s.Public, new(unix.Stat_t))
	}},
	{name: "read upwards from what may be read", contained: well, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.granted("read", "")+"/../public", unix.O_RDONLY)
	}},
	{name: "read through a link in what may be read", contained: well, strict: hidden.or(unix.ELOOP), do: func(s *scene, _ hands) error {
		return opened(s.granted("read", "link"), unix.O_RDONLY)
	}},
	{name: "write beside", contained: fixed, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(s.granted("other", "file"), unix.O_WRONLY)
	}},
	{name: "write through a link of one's own", contained: fixed.or(unix.EEXIST), strict: fixed.or(unix.EEXIST), do: func(s *scene, _ hands) error {
		link := s.granted("write", "link")
		defer unix.Unlink(link)
		if err := unix.Symlink(s.Public, link); err != nil {
			return err
		}
		return opened(link, unix.O_WRONLY)
	}},
	{name: "link something into what may be written", contained: fixed.or(unix.EXDEV), strict: fixed.or(unix.EXDEV), do: func(s *scene, _ hands) error {
		link := s.granted("write", "hard")
		err := unix.Link(s.Public, link)
		unix.Unlink(link)
		return err
	}},
	{name: "link what may be read into what may be written", contained: fixed.or(unix.EXDEV), strict: fixed.or(unix.EXDEV), do: func(s *scene, _ hands) error {
		link := s.granted("write", "hard")
		if err := unix.Link(s.granted("read", "file"), link); err != nil {
			return err
		}
		defer unix.Unlink(link)
		return opened(link, unix.O_WRONLY)
	}},
	{name: "move something into what may be written", contained: fixed.or(unix.EXDEV), strict: fixed.or(unix.EXDEV), do: func(s *scene, _ hands) error {
		return unix.Rename(s.granted("other", "file"), s.granted("write", "moved"))
	}},
	{name: "exchange what may be written with what may not", contained: fixed.or(unix.EXDEV), strict: fixed.or(unix.EXDEV), do: func(s *scene, _ hands) error {
		return unix.Renameat2(unix.AT_FDCWD, s.granted("write", "file"), unix.AT_FDCWD, s.granted("other", "file"), unix.RENAME_EXCHANGE)
	}},
	{name: "a set-user-ID program in what may be written", contained: vain, strict: vain, do: func(s *scene, _ hands) error {
		return unix.Chmod(s.granted("write", "file"), 0o4755)
	}},
	{name: "a disk in what may be written", contained: fixed, strict: fixed, do: func(s *scene, _ hands) error {
		return unix.Mknod(s.granted("write", "disk"), unix.S_IFBLK|0o600, int(unix.Mkdev(1, 0)))
	}},
	{name: "connect to a socket in what may be written", contained: unreached.or(unix.ENOTSOCK), strict: unreached.or(unix.ENOTSOCK), do: func(s *scene, _ hands) error {
		return connect(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: s.granted("write", "socket")})
	}},
	{name: "a device that was granted", contained: well, strict: well, do: func(*scene, hands) error { return opened("/dev/zero", unix.O_RDWR) }},
	{name: "a device that was not", contained: vain.or(unix.ENOENT), strict: hidden, do: func(*scene, hands) error {
		return opened("/dev/full", unix.O_WRONLY)
	}},
	{name: "a terminal's line discipline, with a device granted", contained: vain.or(unix.EINVAL), strict: vain.or(unix.ENOTTY, unix.EINVAL), do: func(_ *scene, h hands) error {
		return trap(unix.SYS_IOCTL, uintptr(h.terminal), unix.TIOCSETD, addr(new(int32)))
	}},
	{name: "type into a terminal, with a device granted", contained: refused.or(unix.EIO), strict: toneless.or(unix.EIO), do: func(_ *scene, h hands) error {
		return trap(unix.SYS_IOCTL, uintptr(h.terminal), unix.TIOCSTI, addr(&[1]byte{'x'}))
	}},
	{name: "execute what may be read", contained: vain, strict: refused, do: func(_ *scene, h hands) error {
		return mapped(unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE, h.file, nothing)
	}},
	{name: "start a program, with files granted", contained: well, strict: hidden, do: func(s *scene, _ hands) error { return started(s.Program) }},
	{name: "/proc, with files granted", contained: hidden, strict: hidden, do: func(s *scene, _ hands) error {
		return opened(proc(s.Manager, "environ"), unix.O_RDONLY)
	}},
	{name: "its own descriptors by name, with files granted", contained: fixed, strict: hidden, do: func(_ *scene, h hands) error {
		return opened(own(h.file), unix.O_RDWR)
	}},
	{name: "mount, with files granted", contained: stopped, strict: killed, do: func(*scene, hands) error {
		return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, "")
	}},
}

// furnish makes the folder's halves.
func (s *stage) furnish(t *testing.T) {
	t.Helper()
	for _, half := range []string{"read", "write", "other"} {
		s.must(os.Mkdir(s.granted(half, ""), 0o777), os.Chmod(s.granted(half, ""), 0o777))
		file := s.granted(half, "file")
		s.must(os.WriteFile(file, good, 0o666), os.Chmod(file, 0o666))
		if half != "write" {
			s.watched = append(s.watched, s.granted(half, ""), file)
		}
	}
	s.must(os.Symlink(s.Public, s.granted("read", "link")))
	s.listen(t, "unix", s.granted("write", "socket"))
	s.must(os.Chmod(s.granted("write", "socket"), 0o777))
}

func TestGrants(t *testing.T) {
	for _, level := range []string{sandbox.Contained, sandbox.Strict} {
		t.Run(level, func(t *testing.T) {
			s := newStage(t)
			s.furnish(t)
			a := newAttacker(t, sandbox.Config{
				Level: level, Devices: []string{"/dev/zero"},
				ReadOnly: []string{s.granted("read", "")}, ReadWrite: []string{s.granted("write", "")},
			})
			for _, attempt := range grants {
				v := attempt.strict
				if level == sandbox.Contained {
					v = attempt.contained
				}
				t.Run(attempt.name, func(t *testing.T) {
					s.look(t)
					check(t, v, a.try(t, attempt.name, s))
					s.untouched(t)
				})
			}
		})
	}
}

// TestNetworkGranted: the network is there then, and sockets of other kinds are not.
func TestNetworkGranted(t *testing.T) {
	for _, level := range []string{sandbox.Contained, sandbox.Strict} {
		t.Run(level, func(t *testing.T) {
			s := newStage(t)
			a := newAttacker(t, sandbox.Config{Level: level, Network: true})
			for _, c := range []struct {
				name string
				want verdict
			}{
				{"connect to a socket of a path", unreached},
				{"connect to an abstract socket", unreached},
				{"a datagram to a socket of a path", unreached},
				{"a datagram from one of a pair", unreached},
				{"connect one of a pair elsewhere", unreached},
				{"a packet socket", unsocketed},
				{"a raw socket", unsocketed},
				{"a socket to the kernel's ciphers", unsocketed},
				{"a socket to the hypervisor", unsocketed},
				{"a descriptor of who is at the other end", attemptNamed("a descriptor of who is at the other end").strict},
				{"connect by TCP", well},
				{"a datagram by UDP", well},
				{"a TCP socket", well},
			} {
				name, want := c.name, c.want // who comes is counted, so those that may come last
				t.Run(name, func(t *testing.T) {
					s.look(t)
					check(t, want, a.try(t, name, s))
					if !want.well {
						s.untouched(t)
					}
				})
			}
		})
	}
}
