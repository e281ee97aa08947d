package starlark

import (
	"context"
	"errors"
	"fmt"

	"go.starlark.net/starlark"

	"github.com/outwork-go/outwork/container"
)

// Program is a script whose top level has run, whose main can be called with one container
// after the other. What the top level defined is frozen, so that nothing is carried from one
// call to the next. Its calls are not concurrent.
type Program struct {
	top  *run // what the top level ran in: its sources, names and shared containers
	main starlark.Callable
}

// ErrNoMain is that a script defines no function main.
var ErrNoMain = errors.New("the script defines no function main, which is called with each file")

// Load runs the top level of a script within the limits. With Host.Emit, the script has emit
// (see there). The error is an *Error, as that of [Run]; it matches [ErrNoMain] when main is
// missing. Close must be called.
func Load(ctx context.Context, h Host, s Script, l Limits) (*Program, error) {
	r := newRun(ctx, h, s, l.orDefaults())
	p := &Program{top: r}
	err := p.load(s)
	r.watch.stop()
	if err != nil {
		r.release()
		return nil, r.explain(err)
	}
	return p, nil
}

func (p *Program) load(s Script) (err error) {
	defer recovered(&err)
	if err := checkGrants(p.top.host.Grants); err != nil {
		return err
	}
	if err := p.top.interrupted(); err != nil {
		return err
	}
	globals, err := p.top.exec(s.Name, s.Source)
	if err != nil {
		return err
	}
	switch main := globals["main"].(type) {
	case nil:
		return ErrNoMain
	case *starlark.Function:
		p.main = main
		err = checkArity(main, 1)
	case starlark.Callable:
		p.main = main
	default:
		err = fmt.Errorf("main is of type %s, not a function", main.Type())
	}
	globals.Freeze()
	return errors.Join(err, p.top.interrupted())
}

// Close closes what the top level has opened.
func (p *Program) Close() { p.top.release() }

// Call calls main with c, within the limits, and returns its result as [Run] does. c is the
// caller's to close, when Call has returned. Host.Grants and Host.Module mean nothing here.
func (p *Program) Call(ctx context.Context, h Host, l Limits, c container.Container) (any, error) {
	r := bareRun(ctx, h, l.orDefaults(), p.top.thread.Name)
	r.env, r.modules, r.sources = p.top.env, p.top.modules, p.top.sources
	r.watch = startWatch(r)
	defer r.close()
	p.top.called = r
	defer func() { p.top.called = nil }()
	v, err := r.callWith(p.main, c)
	if err != nil {
		return nil, r.explain(err)
	}
	return v, nil
}

// callWith is the result of main, called with c.
func (r *run) callWith(main starlark.Callable, c container.Container) (_ any, err error) {
	defer recovered(&err)
	if err := r.interrupted(); err != nil {
		return nil, err
	}
	v, err := starlark.Call(r.thread, main, starlark.Tuple{whole(c)}, nil)
	if err == nil {
		err = r.interrupted()
	}
	if err != nil {
		return nil, err
	}
	return export(v)
}
