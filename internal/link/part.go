package link

import (
	"os"
	"reflect"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
)

func containerPart(h container.Handle) part {
	p := part{Kind: partContainer, Size: h.Size, Offset: h.Offset, Immutable: h.Immutable, Inline: h.Inline}
	if h.File == nil {
		if p.Inline == nil {
			p.Inline = []byte{}
		}
		return p
	}
	p.Stream, p.Inline = 1, []byte{} // 1: an fd comes with it
	return p
}

// handle is the container that p describes, with its file when it has one.
func (p *part) handle(file func() *os.File) (container.Handle, error) {
	h := container.Handle{Offset: p.Offset, Size: p.Size, Immutable: p.Immutable}
	switch {
	case p.Stream == 1 && len(p.Inline) == 0:
		if h.File = file(); h.File == nil {
			return h, frame.Violated("fds", "a container without its file descriptor")
		}
	case p.Stream == 0 && int64(len(p.Inline)) == p.Size && p.Offset == 0:
		h.Inline = p.Inline
	default:
		return h, frame.Violated("reply", "a container of %d bytes with %d of them", p.Size, len(p.Inline))
	}
	return h, nil
}

// streamEnd is the untyped side of a stream field, or nil when it is empty.
func streamEnd(v reflect.Value) *codec.StreamEnd {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
	} else {
		v = v.Addr()
	}
	return v.Interface().(codec.StreamField).OutworkStream()
}
