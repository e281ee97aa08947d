package link

import (
	"os"
	"testing"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
	"golang.org/x/sys/unix"
)

func socketOf(t testing.TB, f *os.File) mux.Transport {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	s, err := transport.NewSocket(fd)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
