package boot

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/outwork-go/outwork/host"
)

const (
	pings = 3
	// guess is the size, in bytes, of a program that is not there.
	guess = 16 << 20
)

// Check reaches a host as Reach does, but only looks around there. Nothing of it is left
// when it returns. Options' Ahead and Exec mean nothing to it. Its error is a *host.Error.
func Check(ctx context.Context, place Place, hop host.Hop, o Options) (*host.Report, error) {
	o.fill()
	o.Ahead = nil
	b := &boot{place: place, hop: hop, o: &o}
	r := &host.Report{}
	if err := b.run(ctx, func() error { return b.check(r) }); err != nil {
		return nil, err
	}
	if exit := b.abort(io.EOF); exit.Code != 0 {
		return nil, b.explain(io.EOF, exit)
	}
	r.Facts, r.Times, r.Lines = host.Facts(*b.facts), b.times, b.words.lines()
	return r, nil
}

// check is Check with a command that runs.
func (b *boot) check(r *host.Report) error {
	e, err := b.wait()
	switch {
	case err != nil:
		return err
	case e.preamble:
		return errBabble
	}
	b.lap(host.Shell)
	if err := b.missed(e.reply); err != nil {
		return err
	}
	p, err := b.o.program(b.facts.OS, b.facts.Arch)
	size := int64(guess)
	find := ""
	if r.Binary = err; err == nil {
		if err := b.load(p); err != nil {
			return err
		}
		size = b.is.size
		find = "_f=outwork-" + b.is.hash + "; each cached;"
	}
	b.order(workLine(b.nonce, tellText, boundsText, find, "_c="+strconv.FormatInt((size+0xffff)>>16, 10)+"; tell; bounds; each every; say end"))
	if err := b.learn(); err != nil {
		return err
	}
	b.lap(host.Probe)
	for range pings {
		begin := time.Now()
		b.order("say end")
		if err := b.learn(); err != nil {
			return err
		}
		if d := time.Since(begin); r.RoundTrip == 0 || d < r.RoundTrip {
			r.RoundTrip = d
		}
	}
	b.order("exit 0")
	return b.until()
}

// until reads to the end.
func (b *boot) until() error {
	for {
		if _, err := b.wait(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
