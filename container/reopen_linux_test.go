package container

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// limitMaps sets the limit of idle maps for the length of a test.
func limitMaps(t *testing.T, n int) { limitIdle(t, maps, n) }

func limitIdle[T io.Closer](t *testing.T, c *cache[T], n int) {
	t.Helper()
	set := func(n int) (before int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		before, c.limit = c.limit, n
		return before
	}
	before := set(n)
	t.Cleanup(func() { set(before) })
}

// passedOn is c opened in a process that may ask for it again, and how often
// it did.
func passedOn(t *testing.T, c Container) (Container, *atomic.Int64) {
	t.Helper()
	asked := new(atomic.Int64)
	got, err := Open(pass(t, c), OpenOptions{Reopen: func() (Handle, error) {
		asked.Add(1)
		return Pass(c)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { got.Close() })
	return got, asked
}

func TestEvictedMapIsAskedForAgain(t *testing.T) {
	limitMaps(t, 2)
	data := randomBytes(InlineMax * 2)
	var all []Container
	var asked []*atomic.Int64
	for range 5 {
		c, n := passedOn(t, FromBytes(data))
		all, asked = append(all, c), append(asked, n)
	}
	if n := maps.open; n != 2 {
		t.Errorf("%d maps are open, want 2", n)
	}
	for round := range 3 {
		for i, c := range all {
			for range 2 {
				if at, err := c.Find(data[len(data)-9:], 0); at != int64(len(data)-9) || err != nil {
					t.Fatalf("round %d: container %d: %d, %v", round, i, at, err)
				}
			}
		}
	}
	for i, n := range asked {
		if n.Load() != 3 {
			t.Errorf("container %d was asked for %d times, want once a round", i, n.Load())
		}
	}
}

func TestWithoutReopenNothingIsEvicted(t *testing.T) {
	limitMaps(t, 0)
	data := randomBytes(InlineMax * 2)
	c := reopened(t, FromBytes(data))
	if _, err := c.ReadAt(make([]byte, 1), 0); err != nil {
		t.Error(err)
	}
}

func TestMapsInUseStay(t *testing.T) {
	limitMaps(t, 0)
	data := randomBytes(InlineMax * 2)
	c, asked := passedOn(t, FromBytes(data))
	b, err := c.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	other, _ := passedOn(t, FromBytes(data))
	err = other.View(func(v []byte) error {
		third, _ := passedOn(t, FromBytes(data))
		third.ReadAt(make([]byte, 1), 0)
		if !bytes.Equal(v, data) || !bytes.Equal(b, data) {
			t.Error("bytes in use changed")
		}
		return nil
	})
	if _, errAgain := c.ReadAt(make([]byte, 1), 0); err != nil || errAgain != nil {
		t.Error(err, errAgain)
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times, want once for Bytes", asked.Load())
	}
	c.Close()
	other.Close()
	if maps.open != 0 {
		t.Errorf("%d maps are open", maps.open)
	}
}

func TestReopenIsAskedOnceForManyUsers(t *testing.T) {
	limitMaps(t, 1)
	data := randomBytes(InlineMax * 2)
	var calls atomic.Int64
	src := FromBytes(data)
	c, err := Open(Handle{Size: src.Size(), Immutable: true}, OpenOptions{Reopen: func() (Handle, error) {
		calls.Add(1)
		return Pass(src)
	}})
	if err != nil || calls.Load() != 0 {
		t.Fatalf("opening by name asked %d times, %v", calls.Load(), err)
	}
	defer c.Close()
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() { c.ReadAt(make([]byte, 1), 0) })
	}
	users.Wait()
	if calls.Load() != 1 {
		t.Errorf("asked %d times, want once", calls.Load())
	}
}

func TestReopenIsNotTrusted(t *testing.T) {
	limitMaps(t, 0)
	data := randomBytes(InlineMax * 2)
	src := FromBytes(data)
	defer src.Close()
	good := func() Handle { return pass(t, src) }
	good().File.Close()
	for name, again := range map[string]func() (Handle, error){
		"error":      func() (Handle, error) { return Handle{}, io.ErrNoProgress },
		"inline":     func() (Handle, error) { return Handle{Inline: data, Size: int64(len(data)), Immutable: true}, nil },
		"nothing":    func() (Handle, error) { return Handle{Size: int64(len(data)), Immutable: true}, nil },
		"other size": func() (Handle, error) { h := good(); h.Size--; return h, nil },
		"mutable":    func() (Handle, error) { h := good(); h.Immutable = false; return h, nil },
		"negative":   func() (Handle, error) { h := good(); h.Offset = -1; return h, nil },
		"overflow":   func() (Handle, error) { h := good(); h.Offset = 1<<63 - 1; return h, nil },
		"beyond":     func() (Handle, error) { h := good(); h.Offset = 1; return h, nil },
		"unsealed": func() (Handle, error) {
			return Handle{File: memory(t, data, 0, 0), Size: src.Size(), Immutable: true}, nil
		},
	} {
		fds := openFDs(t)
		c, err := Open(good(), OpenOptions{Reopen: again})
		if err != nil {
			t.Fatal(err)
		}
		_, errRead := c.ReadAt(make([]byte, 1), 0)
		_, errBytes := c.Bytes()
		h, errPass := Pass(c)
		if h.File != nil {
			h.File.Close()
		}
		for i, err := range []error{errRead, errBytes, errPass} {
			if err == nil && (i < 2 || name != "unsealed" && name != "beyond") {
				t.Errorf("%s: use %d went well", name, i)
			}
		}
		if name == "error" && !errors.Is(errRead, io.ErrNoProgress) {
			t.Errorf("Reopen's error became %v", errRead)
		}
		c.Close()
		if n := openFDs(t); n > fds { // fewer: what others had dropped went meanwhile
			t.Errorf("%s: %d files are open, %d were", name, n, fds)
		}
	}
}

func TestFileFromElsewhereCannotBePassedOnWithoutReopen(t *testing.T) {
	c := reopened(t, fromFile(t, writeFile(t, []byte("abc"))))
	if _, err := Pass(c); err == nil {
		t.Error("it was passed")
	}
}

func TestChangedFileIsNotReopened(t *testing.T) {
	limitMaps(t, 0)
	path := writeFile(t, []byte("abc"))
	c, _ := passedOn(t, fromFile(t, path))
	if err := os.WriteFile(path, []byte("xyz"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrChanged) {
		t.Errorf("ReadAt: %v, want ErrChanged", err)
	}
}

// limitFiles sets how many files this process may open.
func limitFiles(t testing.TB, n uint64) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	limit := unix.Rlimit{Cur: n, Max: before.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &before) })
}

// kinds are the ways to make a container of data, which path has too.
func kinds(path string, data []byte) map[string]func() (Container, error) {
	return map[string]func() (Container, error){
		"small":  func() (Container, error) { return FromBytes(data[:1000]), nil },
		"bytes":  func() (Container, error) { return FromBytes(data), nil },
		"reader": func() (Container, error) { return FromReader(bytes.NewReader(data)) },
		"spooled": func() (Container, error) {
			return FromReader(io.MultiReader(bytes.NewReader(data), bytes.NewReader(make([]byte, spoolAbove))))
		},
		"file": func() (Container, error) { return FromFile(path) },
	}
}

func TestMoreContainersThanFilesAreAllowed(t *testing.T) {
	limitFiles(t, 1024)
	data := randomBytes(InlineMax + 1)
	path := writeFile(t, data)
	for name, create := range kinds(path, data) {
		fds := settledFDs(t)
		var all []Container
		for i := range 1100 {
			made, opened, err := roundTrip(create)
			if err != nil {
				t.Fatalf("%s %d: %v", name, i, err)
			}
			all = append(all, made, opened)
		}
		for i, c := range all {
			if _, err := c.ReadAt(make([]byte, 10), 5); err != nil {
				t.Fatalf("%s %d: %v", name, i, err)
			}
		}
		if n := openFDs(t); n > fds+maxIdleFiles {
			t.Errorf("%s: %d files are open, %d were", name, n, fds)
		}
		for _, c := range all {
			c.Close()
		}
		if n := openFDs(t); n > fds { // fewer: what others had dropped went meanwhile
			t.Errorf("%s: %d files are left open, %d were", name, n, fds)
		}
	}
}

// roundTrip is a container, and what a worker has of it.
func roundTrip(create func() (Container, error)) (made, opened Container, err error) {
	if made, err = create(); err != nil {
		return nil, nil, err
	}
	h, err := Pass(made)
	if err != nil {
		return made, nil, err
	}
	opened, err = Open(h, OpenOptions{Reopen: func() (Handle, error) { return Pass(made) }})
	return made, opened, err
}
