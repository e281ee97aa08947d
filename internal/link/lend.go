package link

import (
	"errors"
	"reflect"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/pages"
)

// A container in an argument is lent where no file descriptor crosses, and a live source
// is everywhere: it stays at the manager, which keeps it until the call has been answered and what the result streams
// was read, or its caller has given it up. The worker asks about it as it does about
// shared ones.

// firstLent is below the shares of what is lent: the n-th container of a link is
// firstLent + n. What is shared by name never gets so far.
const firstLent = 1 << 63

// errOver is for what was lent, when its call is over.
var errOver = errors.New("the call that the container was an argument of is over")

// lends reports whether this side's arguments may stay here.
func (c *Config) lends() bool { return c.Side == mux.ManagerSide && !c.Service }

// lend keeps a view of c, and describes it. It is kept until takeBack.
func (p *paged) lend(c container.Container) (part, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.lent + 1
	k, err := p.keepLocked(firstLent+n, "", c)
	if err != nil {
		return part{}, err
	}
	p.lent = n
	desc := pagedPart(k.view)
	desc.Offset = int64(n)
	return desc, nil
}

// haveLent reports whether anything was ever lent.
func (p *paged) haveLent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lent > 0
}

// takeBack lets go of what was lent under those numbers.
func (p *paged) takeBack(numbers []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range numbers {
		share := firstLent + uint64(n)
		if k := p.staying[share]; k != nil {
			p.over.add(k.stats(0))
			k.view.Close()
			delete(p.staying, share)
		}
	}
}

// takeBack lets go of what the call has lent, once it is over: what its result streams
// may still be read of it.
func (c *Call) takeBack(failed bool, land *landings) {
	if len(c.lent) == 0 {
		return
	}
	back := func() { c.l.paged.takeBack(c.lent) }
	if failed || land == nil {
		back()
		return
	}
	land.onceRead(back)
}

// borrow takes up a container that is lent for the call.
func (ls *landings) borrow(c *codec.Crossing, p *part) error {
	if !p.stays() || p.Offset < 1 {
		return frame.Violated("reply", "container %s of %d bytes, number %d, stays at the manager, and does not", c.Name, p.Size, p.Offset)
	}
	b, err := ls.l.far.borrow(ls.l, c.Name, p)
	if err != nil {
		return err
	}
	c.Of(ls.value).Set(reflect.ValueOf(b.view))
	ls.keep(func() { ls.containers = append(ls.containers, b) }, b)
	return nil
}

// borrowed is a container that is lent for a call, as the worker has it.
type borrowed struct {
	f     *far
	share uint64
	s     *pages.Source
	view  container.Container
}

func (f *far) borrow(l *Link, name string, p *part) (*borrowed, error) {
	share := firstLent + uint64(p.Offset)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sources[share] != nil {
		return nil, frame.Violated("reply", "container %s has the number %d of another one", name, p.Offset)
	}
	s := f.newLocked(l, share, "container "+name, p)
	f.borrowed = true
	return &borrowed{f, share, s, s.Container()}, nil
}

// Close ends all use of the container, also of its slices.
func (b *borrowed) Close() error {
	b.view.Close()
	b.s.Lost(errOver)
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	if b.f.sources[b.share] == b.s {
		b.f.over = plus(b.f.over, b.s.Stats())
		delete(b.f.sources, b.share)
	}
	return nil
}
