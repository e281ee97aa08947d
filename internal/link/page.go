package link

import (
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/outwork-go/outwork/container"
)

// Between these many bytes a request looks whether anybody wants its answer.
const (
	searchWindow = 16 << 20
	hashWindow   = 256 << 10 // it is read into memory
)

func (r *readRequest) of() uint64   { return r.Share }
func (r *searchRequest) of() uint64 { return r.Share }
func (r *hashRequest) of() uint64   { return r.Share }

func (r *readRequest) answer(_ *asked, c container.Container) ([]byte, error) {
	if r.Length > MaxPage {
		return nil, fmt.Errorf("%d bytes at %d are more than the %d that are read at once", r.Length, r.Offset, MaxPage)
	}
	if err := checkRange(r.Offset, r.Length, c.Size()); err != nil {
		return nil, err
	}
	reply := bytesReply{make([]byte, r.Length)}
	if err := readAll(c, reply.Bytes, r.Offset); err != nil {
		return nil, err
	}
	return bytesReplyPlan.bytes(&reply)
}

// readAll fills p from off, or says where that failed, and why.
func readAll(c container.Container, p []byte, off int64) error {
	n, err := c.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%d of %d bytes at %d: %w", n, len(p), off, err)
}

func (r *hashRequest) answer(a *asked, c container.Container) ([]byte, error) {
	if r.Algorithm != "sha256" {
		return nil, fmt.Errorf("there is no hash %.40q; known: sha256", r.Algorithm)
	}
	if err := checkRange(r.Offset, r.Length, c.Size()); err != nil {
		return nil, err
	}
	h := sha256.New()
	buf := make([]byte, min(r.Length, hashWindow))
	for at, left := r.Offset, r.Length; left > 0; {
		if err := a.wanted(); err != nil {
			return nil, err
		}
		b := buf[:min(left, hashWindow)]
		if err := readAll(c, b, at); err != nil {
			return nil, err
		}
		h.Write(b)
		at, left = at+int64(len(b)), left-int64(len(b))
	}
	return bytesReplyPlan.bytes(&bytesReply{h.Sum(nil)})
}

func (r *searchRequest) answer(a *asked, c container.Container) ([]byte, error) {
	if err := r.check(c.Size()); err != nil {
		return nil, err
	}
	reply := searchReply{Offsets: []int64{}, Next: -1}
	for at, done := r.From, false; !done && r.fits(at); {
		var err error
		if done, err = r.window(a, c, at, &reply); err != nil {
			return nil, fmt.Errorf("search at %d: %w", at, err)
		}
		at += min(searchWindow, r.To-at)
	}
	return searchReplyPlan.bytes(&reply)
}

func (r *searchRequest) check(size int64) error {
	switch n := len(r.Pattern); {
	case n < 1 || n > MaxPattern:
		return fmt.Errorf("a pattern of %d bytes, which may have 1 to %d", n, MaxPattern)
	case !r.Count && (r.Limit < 1 || r.Limit > MaxMatches):
		return fmt.Errorf("a limit of %d offsets, which may be 1 to %d", r.Limit, MaxMatches)
	case r.From < 0 || r.From > r.To || r.To > size:
		return fmt.Errorf("a search from %d to %d: %w of %d bytes", r.From, r.To, container.ErrRange, size)
	}
	return nil
}

// fits reports whether a match may begin at at.
func (r *searchRequest) fits(at int64) bool { return r.To-at >= int64(len(r.Pattern)) }

// window notes the matches that begin in one window. done tells that there are as
// many as were asked for.
func (r *searchRequest) window(a *asked, c container.Container, at int64, reply *searchReply) (done bool, err error) {
	if err := a.wanted(); err != nil {
		return false, err
	}
	w, err := c.Slice(at, min(searchWindow+int64(len(r.Pattern))-1, r.To-at))
	if err != nil {
		return false, err
	}
	defer w.Close()
	for off, err := range w.All(r.Pattern) {
		if err == nil {
			err = a.wanted() // a long pattern may match everywhere, and slowly
		}
		if err != nil {
			return false, err
		}
		if r.note(at+off, reply) {
			return true, nil
		}
	}
	return false, nil
}

// note adds a match. It tells whether there are as many as were asked for.
func (r *searchRequest) note(off int64, reply *searchReply) (enough bool) {
	reply.Count++
	if r.Count {
		return false
	}
	reply.Offsets = append(reply.Offsets, off)
	if reply.Count < r.Limit {
		return false
	}
	if r.fits(off + 1) {
		reply.Next = off + 1
	}
	return true
}
