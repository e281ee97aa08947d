package link

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// run runs the function and answers, also for one that ends its goroutine.
func (in *Incoming) run() {
	var began time.Time
	if in.fn.calls.Add(1)%timedCalls == 1 {
		began = time.Now()
	}
	var reply any
	err := errGoexit
	defer func() { in.answered(reply, err, began) }()
	reply, err = in.invoke()
}

// errGoexit is the answer of a function that ended its goroutine.
var errGoexit error = &Failure{Code: CodePanicked, Message: "the function ended its goroutine (runtime.Goexit)"}

// timedCalls is of how many calls one is timed: two looks at the clock are a
// tenth of a small call's time.
const timedCalls = 8

func (in *Incoming) answered(reply any, err error, began time.Time) {
	if !began.IsZero() && !in.fn.Async && time.Since(began) > SlowFunction {
		in.fn.slow.Store(slowCalls)
		defer in.l.conn.Flush()
	}
	if err != nil {
		in.refuse(err)
		return
	}
	in.answer(reply)
}

// invoke turns a panic into a Failure: the worker lives on.
func (in *Incoming) invoke() (reply any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Failure{Code: CodePanicked, Message: fmt.Sprintf("panic: %v", v), Stack: string(debug.Stack())}
		}
	}()
	if err := in.Err(); err != nil {
		return nil, err
	}
	in.given = true
	return in.fn.Invoke(in, in.args)
}

// answer sends the result, and then what it streams.
func (in *Incoming) answer(reply any) {
	l := in.l
	var of *result
	if lifts(in.fn.Reply.Crossings(), reply) {
		of = &result{in: in}
		of.left.Store(1)
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	files, ups, err := in.encode(buf, of, reply)
	if err != nil {
		closeAll(files)
		for _, up := range ups {
			up.abandon(mux.Failed)
		}
		closeResult(in.fn.Reply.Crossings(), reply)
		in.refuse(&Failure{Code: CodeResult, Message: fmt.Sprintf("the result of %q cannot be sent: %v", in.fn.Name, l.tellable(err))})
		return
	}
	payload := buf.Bytes()
	if len(payload) > mux.UrgentMessage {
		payload = bytes.Clone(payload)
	}
	in.end(frame.Reply, payload, files)
	if len(ups) == 0 {
		in.over()
		return
	}
	l.conn.Go(func() { in.stream(of, ups) })
}

// encode writes the result to buf, without what travels beside it.
func (in *Incoming) encode(buf *bytes.Buffer, of *result, reply any) (files []*os.File, ups []*lifted, err error) {
	defer guard(&err)
	var h replyHeader
	if of != nil {
		if h.Parts, files, err = in.l.lift(in, of, in.fn.Reply.Crossings(), reply, &ups, nil); err != nil {
			return files, ups, err
		}
	}
	if err = h.append(buf); err == nil {
		err = in.fn.Reply.Append(buf, reply, in.l.positional.Load())
	}
	if err == nil {
		err = checkLength(buf.Len())
	}
	return files, ups, err
}

// end sends the last message. After it no call back may leave, nor progress.
func (in *Incoming) end(h frame.Handle, payload []byte, files []*os.File) {
	in.mu.Lock()
	in.bare = true
	in.mu.Unlock()
	in.opening.Wait()
	if in.l.conn.Queue(in.st, h, payload, true, files) != nil {
		closeAll(files)
	}
}

// refuse answers with an error.
func (in *Incoming) refuse(err error) error {
	in.end(frame.Error, in.l.failure(err), nil)
	in.over()
	return nil
}

// over forgets the call.
func (in *Incoming) over() {
	in.cancel(context.Canceled)
	if in.land != nil {
		in.land.release(in.given)
	}
	l := in.l
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.incoming, in.st.ID)
	l.decoded -= in.memory
	if len(l.incoming) == 0 && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
}
