// Package transport has the bytes that package mux runs over: Pair, both ends of
// which are in this process; Socket, a unix socket whose other end is another
// process's; and NewPipes, two plain streams, which carry no files. Each keeps the promises of mux.Transport.
package transport

import (
	"io"
	"os"
	"sync"

	"github.com/outwork-go/outwork/internal/mux"
)

// PairBuffer is how many bytes one direction of a Pair holds.
const PairBuffer = 256 << 10

// Pair returns two ends of a link in memory. It blocks on channels alone, so that
// testing/synctest knows when all is at rest.
func Pair() (a, b mux.Transport) {
	return Ends(newPipe(), newPipe())
}

// pipe is one direction.
type pipe struct {
	mu       sync.Mutex
	buf      []byte
	files    []passed
	closed   bool // by either end
	readable chan struct{}
	writable chan struct{}
}

// passed are files that came with one write.
type passed struct {
	files  []*os.File
	before int // bytes in buf before that write's
}

func newPipe() *pipe {
	return &pipe{readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

// Ready implements Way.
func (p *pipe) Ready() (readable, writable chan struct{}) { return p.readable, p.writable }

// Recv implements Way.
func (p *pipe) Recv(bufs [][]byte) (n int, files []*os.File, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.renudge()
	if len(p.buf) == 0 {
		if p.closed {
			return 0, nil, io.EOF
		}
		return 0, nil, mux.ErrAgain
	}
	most := p.upToFiles()
	for _, b := range bufs {
		k := copy(b, p.buf[:most-n])
		p.buf = p.buf[k:]
		n += k
	}
	files = p.take(n)
	if len(p.buf) == 0 {
		p.buf = nil
	}
	Nudge(p.writable)
	return n, files, nil
}

// upToFiles is how many bytes one Recv may take: the files of no more than one
// write come at once, as from a socket.
func (p *pipe) upToFiles() int {
	if len(p.files) > 1 {
		return p.files[1].before
	}
	return len(p.buf)
}

// take is the files that came with the n bytes that were read.
func (p *pipe) take(n int) (files []*os.File) {
	if len(p.files) > 0 && p.files[0].before < n {
		files = p.files[0].files
		p.files = p.files[1:]
	}
	for i := range p.files {
		p.files[i].before -= n
	}
	return files
}

// Renudge implements Way.
func (p *pipe) Renudge() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renudge()
}

func (p *pipe) renudge() {
	if len(p.buf) > 0 || p.closed {
		Nudge(p.readable)
	}
}

// Send implements Way.
func (p *pipe) Send(bufs [][]byte, files []*os.File) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, io.ErrClosedPipe
	}
	if len(p.buf) >= PairBuffer {
		return 0, mux.ErrAgain
	}
	dups, err := dupFiles(files)
	if err != nil {
		return 0, err
	}
	if len(dups) > 0 {
		p.files = append(p.files, passed{dups, len(p.buf)})
	}
	for _, b := range bufs {
		k := min(len(b), PairBuffer-len(p.buf))
		p.buf = append(p.buf, b[:k]...)
		n += k
	}
	Nudge(p.readable)
	return n, nil
}

// Shut implements Way. The reader may still take what is there, unless the reader is who
// ends it.
func (p *pipe) Shut(reader bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if reader {
		for _, passed := range p.files {
			closeFiles(passed.files)
		}
		p.files, p.buf = nil, nil
	}
	Nudge(p.readable)
	Nudge(p.writable)
}

// dupFiles duplicates files, all or none.
func dupFiles(files []*os.File) (dups []*os.File, err error) {
	for _, f := range files {
		d, err := Dup(f)
		if err != nil {
			closeFiles(dups)
			return nil, err
		}
		dups = append(dups, d)
	}
	return dups, nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
