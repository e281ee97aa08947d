package attack

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

var (
	unsocketed = refused.or(unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT, unix.ESOCKTNOSUPPORT)
	unreached  = unsocketed.or(unix.ENETUNREACH, unix.ECONNREFUSED, unix.EADDRNOTAVAIL, unix.ENOENT, unix.EHOSTUNREACH)
)

// onNetwork are attempts to talk to somebody.
var onNetwork = []attempt{
	{name: "a TCP socket", none: well, contained: vain.or(unix.EAFNOSUPPORT), strict: unsocketed, do: open(unix.AF_INET, unix.SOCK_STREAM)},
	{name: "a TCP socket, with odd bits", none: well, contained: vain.or(unix.EAFNOSUPPORT), strict: unsocketed, do: open(unix.AF_INET|1<<32, unix.SOCK_STREAM)},
	{name: "a UDP socket over IPv6", none: well.or(unix.EAFNOSUPPORT), contained: vain.or(unix.EAFNOSUPPORT), strict: unsocketed, do: open(unix.AF_INET6, unix.SOCK_DGRAM)},
	{name: "a unix socket", none: well, contained: vain.or(unix.EAFNOSUPPORT), strict: unsocketed, do: open(unix.AF_UNIX, unix.SOCK_STREAM)},
	{name: "a netlink socket", none: well, contained: unsocketed, strict: unsocketed, do: open(unix.AF_NETLINK, unix.SOCK_RAW)},
	{name: "a packet socket", none: well.or(unix.EAFNOSUPPORT), contained: unsocketed, strict: unsocketed, do: open(unix.AF_PACKET, unix.SOCK_RAW)},
	{name: "a raw socket", none: well.or(unix.EPROTONOSUPPORT), contained: unsocketed, strict: unsocketed, do: open(unix.AF_INET, unix.SOCK_RAW)},
	{name: "a socket to the hypervisor", none: well.or(unix.EAFNOSUPPORT), contained: unsocketed, strict: unsocketed, do: open(unix.AF_VSOCK, unix.SOCK_STREAM)},
	{name: "a socket to the kernel's ciphers", none: well.or(unix.EAFNOSUPPORT), contained: unsocketed, strict: unsocketed, do: open(unix.AF_ALG, unix.SOCK_SEQPACKET)},
	{name: "a bluetooth socket", none: well.or(unix.EAFNOSUPPORT), contained: unsocketed, strict: unsocketed, do: open(unix.AF_BLUETOOTH, unix.SOCK_RAW)},

	{name: "connect by TCP", none: well, contained: unreached, strict: unreached, do: func(s *scene, _ hands) error {
		return connect(unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Port: s.Port, Addr: [4]byte{127, 0, 0, 1}})
	}},
	{name: "a datagram by UDP", none: well, contained: unreached, strict: unreached, do: func(s *scene, _ hands) error {
		return send(unix.AF_INET, &unix.SockaddrInet4{Port: s.Port, Addr: [4]byte{127, 0, 0, 1}})
	}},
	{name: "connect to a socket of a path", none: well, contained: unreached, strict: unreached, do: func(s *scene, _ hands) error {
		return connect(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: s.Socket})
	}},
	{name: "connect to an abstract socket", none: well, contained: unreached, strict: unreached, do: func(s *scene, _ hands) error {
		return connect(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: "@" + s.Abstract})
	}},
	{name: "a datagram to a socket of a path", none: well, contained: unreached, strict: unreached, do: func(s *scene, _ hands) error {
		return send(unix.AF_UNIX, &unix.SockaddrUnix{Name: s.Gram})
	}},
	{name: "a datagram from one of a pair", none: well, contained: unreached, strict: unreached, do: func(s *scene, _ hands) error {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		return unix.Sendto(pair[0], evil, 0, &unix.SockaddrUnix{Name: s.Gram})
	}},
	{name: "connect one of a pair elsewhere", none: well, contained: unreached, strict: unreached, do: func(s *scene, _ hands) error {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		if err := unix.Connect(pair[0], &unix.SockaddrUnix{Name: s.Gram}); err != nil {
			return err
		}
		return second(unix.Write(pair[0], evil))
	}},
	{name: "many datagrams from one of a pair", none: well, contained: unreached, strict: unreached, do: func(s *scene, _ hands) error {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		return sendmmsg(pair[0], s.Gram)
	}},
	{name: "listen at a path", none: well, contained: fixed.or(unix.EAFNOSUPPORT), strict: unreached, do: func(s *scene, _ hands) error {
		return listen(unix.AF_UNIX, &unix.SockaddrUnix{Name: s.in("listen")})
	}},
	{name: "listen on TCP", none: well, contained: vain.or(unix.EAFNOSUPPORT, unix.EADDRNOTAVAIL), strict: unreached, do: func(*scene, hands) error {
		return listen(unix.AF_INET, &unix.SockaddrInet4{})
	}},
	{name: "who is at the other end, as somebody to signal", none: well.or(unix.ENOPROTOOPT), contained: cut.or(unix.EINVAL, unix.ENOPROTOOPT), strict: cut.or(unix.EINVAL, unix.ENOPROTOOPT), alone: true, do: func(*scene, hands) error {
		return byPeer(func(pidfd int) error { return unix.PidfdSendSignal(pidfd, unix.SIGUSR1, nil, 0) })
	}},
	{name: "a descriptor of who is at the other end", none: well.or(unix.ENOPROTOOPT), contained: cut.or(unix.ENOPROTOOPT, unix.EINVAL), strict: cut.or(unix.ENOPROTOOPT), alone: true, do: func(*scene, hands) error {
		return byPeer(func(pidfd int) error { return second(unix.PidfdGetfd(pidfd, 0, 0)) })
	}},
	{name: "the network of who is at the other end", none: well.or(unix.ENOPROTOOPT, unix.ENOTTY), contained: cut.or(unix.ENOPROTOOPT, unix.ENOTTY), strict: cut.or(unix.ENOPROTOOPT, unix.ENOTTY), alone: true, do: func(*scene, hands) error {
		const getNetNamespace = 0xff04 // PIDFD_GET_NET_NAMESPACE
		return byPeer(func(pidfd int) error { return trap(unix.SYS_IOCTL, uintptr(pidfd), getNetNamespace, 0) })
	}},
	{name: "a program for a socket", none: well, contained: unsocketed, strict: unsocketed, do: func(*scene, hands) error {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff}
		program := unix.SockFprog{Len: 1, Filter: &allow}
		return trap(unix.SYS_SETSOCKOPT, uintptr(pair[0]), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, addr(&program), unsafe.Sizeof(program))
	}},
	{name: "say that one is root", none: well, contained: unsocketed.or(unix.ESRCH, unix.EINVAL), strict: unsocketed.or(unix.ESRCH, unix.EINVAL), do: func(*scene, hands) error {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		return unix.Sendmsg(pair[0], evil, unix.UnixCredentials(&unix.Ucred{Pid: 1}), nil, 0)
	}},
}

// open makes a socket.
func open(family, kind uintptr) func(*scene, hands) error {
	return func(*scene, hands) error {
		fd, err := result(unix.SYS_SOCKET, family, kind|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			unix.Close(int(fd))
		}
		return err
	}
}

func withSocket(family, kind int, f func(fd int) error) error {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

func connect(family, kind int, to unix.Sockaddr) error {
	return withSocket(family, kind, func(fd int) error { return unix.Connect(fd, to) })
}

func send(family int, to unix.Sockaddr) error {
	return withSocket(family, unix.SOCK_DGRAM, func(fd int) error { return unix.Sendto(fd, evil, 0, to) })
}

func listen(family int, at unix.Sockaddr) error {
	return withSocket(family, unix.SOCK_STREAM, func(fd int) error {
		if err := unix.Bind(fd, at); err != nil {
			return err
		}
		return unix.Listen(fd, 1)
	})
}

// sendmmsg sends one datagram to a path.
func sendmmsg(fd int, path string) error {
	to := unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	for i := range path {
		to.Path[i] = int8(path[i])
	}
	type message struct {
		header unix.Msghdr
		_      uint32 // how much was sent
	}
	part := unix.Iovec{Base: &evil[0], Len: uint64(len(evil))}
	m := [1]message{{header: unix.Msghdr{Namelen: uint32(2 + len(path) + 1), Iov: &part, Iovlen: 1}}}
	m[0].header.Name = (*byte)(pointer(&to))
	return trap(unix.SYS_SENDMMSG, uintptr(fd), addr(&m[0]), 1, 0)
}

// byPeer does it with the process that made the link, as the kernel hands it out to who
// asks who is at the other end.
func byPeer(f func(pidfd int) error) error {
	const peerPidfd = 77 // SO_PEERPIDFD
	pidfd, err := unix.GetsockoptInt(3, unix.SOL_SOCKET, peerPidfd)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	if pidfd <= 3 {
		return errors.New("the link's peer has no descriptor")
	}
	return f(pidfd)
}
