package remote

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
)

var (
	_ = outwork.RegisterError("outwork.file.changed", container.ErrChanged)
	_ = outwork.RegisterError("outwork.file.shrunk", container.ErrShrunk)
)

// The worker's side: it keeps nothing from one call to the next.
var (
	stat = outwork.Func("outwork.file.stat", statHere)
	read = outwork.Func("outwork.file.read", readHere)
	find = outwork.Func("outwork.file.find", findHere)
	hash = outwork.Func("outwork.file.sha256", hashHere)
)

type (
	statArgs struct{ Path []byte }

	// state is a file as it is at one moment.
	state struct {
		Size int64
		ID   string // differs when the file is another, or was changed
	}

	// partArgs is a part of a file.
	partArgs struct {
		Path   []byte
		ID     string
		Off, N int64
	}

	findArgs struct {
		Path    []byte
		ID      string
		Off, N  int64 // the part of the file that is searched
		Pattern []byte
		Most    int
	}
)

// home is a path with ~ for the home folder.
func home(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && rest[0] != '/' {
		return path
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return dir + rest
}

// bare is err without the operation and the path, which the caller knows.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func statHere(_ context.Context, a statArgs) (state, error) {
	f, s, err := open(string(a.Path))
	if err != nil {
		return state{}, err
	}
	f.Close()
	return s, nil
}

// open opens a regular file. It looks before, because opening a device may do something.
func open(path string) (*os.File, state, error) {
	path = home(path)
	info, err := os.Stat(path)
	if err == nil {
		err = regular(info.Mode())
	}
	if err != nil {
		return nil, state{}, bare(err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|noWait, 0)
	if err != nil {
		return nil, state{}, bare(err)
	}
	info, err = f.Stat()
	if err == nil {
		err = regular(info.Mode())
	}
	if err != nil {
		f.Close()
		return nil, state{}, bare(err)
	}
	return f, state{info.Size(), identify(info)}, nil
}

func regular(mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return errors.New("it is a folder")
	}
	return errors.New("it is not a regular file")
}

// openSame is open for the file that was there before.
func openSame(path, id string) (*os.File, state, error) {
	f, s, err := open(path)
	if err != nil {
		return nil, s, err
	}
	if s.ID != id {
		f.Close()
		return nil, s, container.ErrChanged
	}
	return f, s, nil
}

func readHere(_ context.Context, a partArgs) ([]byte, error) {
	f, s, err := openSame(string(a.Path), a.ID)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if a.Off < 0 || a.N < 0 || a.N > maxRead || a.Off > s.Size-a.N {
		return nil, fmt.Errorf("%d bytes at %d: %w of %d bytes", a.N, a.Off, container.ErrRange, s.Size)
	}
	b := make([]byte, a.N)
	if _, err := f.ReadAt(b, a.Off); err == io.EOF {
		return nil, container.ErrShrunk
	} else if err != nil {
		return nil, bare(err)
	}
	return b, nil
}

func findHere(ctx context.Context, a findArgs) ([]int64, error) {
	if len(a.Pattern) > maxPattern || a.Most > maxMatches {
		return nil, fmt.Errorf("a pattern has at most %d bytes, and %d matches are told at a time", maxPattern, maxMatches)
	}
	part, err := partHere(string(a.Path), a.ID, a.Off, a.N)
	if err != nil {
		return nil, err
	}
	defer part.Close()
	var found []int64
	for from := int64(0); len(found) < a.Most && from <= a.N; {
		at, err := container.Find(ctx, part, a.Pattern, from)
		if err != nil {
			return nil, err
		}
		if at < 0 {
			break
		}
		found = append(found, at)
		from = at + 1
	}
	return found, nil
}

func hashHere(ctx context.Context, a partArgs) (sum [sha256.Size]byte, err error) {
	part, err := partHere(string(a.Path), a.ID, a.Off, a.N)
	if err != nil {
		return sum, err
	}
	defer part.Close()
	return container.SHA256(ctx, part)
}

// partHere is a part of the file that was there before.
func partHere(path, id string, off, n int64) (container.Container, error) {
	f, _, err := openSame(path, id)
	if err != nil {
		return nil, err
	}
	f.Close()
	whole, err := container.FromFile(home(path))
	if err != nil {
		return nil, err
	}
	defer whole.Close()
	return whole.Slice(off, n)
}
