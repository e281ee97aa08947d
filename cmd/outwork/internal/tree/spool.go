package tree

import (
	"crypto/rand"
	"os"
	"time"
)

// spool is a file that is not yet in its place.
type spool interface {
	file() *os.File
	// setTime sets the time of change.
	setTime(t time.Time) error
	// keep puts the file under its name, in place of what is there.
	keep(name string) error
	// drop removes the file unless it was kept. It must be called.
	drop()
}

// tempName is a name that nobody has.
func tempName() string { return ".outwork-" + rand.Text() + ".tmp" }

// named is a spool with another name.
type named struct {
	root *os.Root
	f    *os.File
	temp string // "" when it was kept
}

func newNamed(root *os.Root, dir string) (spool, error) {
	temp := join(dir, tempName())
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &named{root, f, temp}, nil
}

func (s *named) file() *os.File { return s.f }

func (s *named) setTime(t time.Time) error { return s.root.Chtimes(s.temp, t, t) }

func (s *named) keep(name string) error {
	err := s.root.Rename(s.temp, name)
	if err == nil {
		s.temp = ""
	}
	return err
}

func (s *named) drop() {
	s.f.Close()
	if s.temp != "" {
		s.root.Remove(s.temp)
	}
}
