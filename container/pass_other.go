//go:build !linux

package container

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// maxSpool is how many bytes FromReader takes, which here stay in the memory
// of this process.
const maxSpool = 1 << 30

// maxIdleMaps is 0: nothing is mapped here.
const maxIdleMaps = 0

var errNoSealedMemory = fmt.Errorf("sealed memory, which is not to be had on %s: %w", runtime.GOOS, errors.ErrUnsupported)

// sealedEntry is never made here.
type sealedEntry struct{}

func (*sealedEntry) close() {}

func (h *hold) passSealed(source, int64, int64) (*os.File, error) {
	return nil, fmt.Errorf("it needs %w", errNoSealedMemory)
}

func checkSealed(*os.File, bool) error {
	return fmt.Errorf("the handle claims to be %w", errNoSealedMemory)
}

func spool(r io.Reader) (Container, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return FromBytes(b), nil
}

// openFile reads h.File with pread. A file that is kept open needs no Reopen.
func openFile(h Handle, o OpenOptions) (Container, error) {
	if h.File == nil {
		return nil, errNoFile
	}
	if err := checkFile(h, o.Trusted); err != nil {
		return nil, err
	}
	return readHandle(h, nil), nil
}
