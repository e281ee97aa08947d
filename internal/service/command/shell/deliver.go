package shell

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"time"

	"github.com/outwork-go/outwork/internal/hook"
	"github.com/outwork-go/outwork/internal/legible"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// Copies reports whether a reply of type t may go to a file: it has a file or a
// reader, or is nothing but bytes.
func Copies(t *schema.Type) bool { return copied(t) || onlyBytes(t) }

// Hands reports whether a reply of type t has a file, which a command may be
// executed with.
func Hands(t *schema.Type) bool { return has(t, schema.File) }

// copied reports whether t has something that is copied.
func copied(t *schema.Type) bool { return has(t, schema.File) || has(t, schema.Reader) }

// has reports whether t is of that kind, or one of its direct fields.
func has(t *schema.Type, kind schema.Kind) bool {
	if t.Kind == schema.Struct {
		for i := range t.Fields {
			if t.Fields[i].Type.Kind == kind {
				return true
			}
		}
	}
	return t.Kind == kind
}

// onlyBytes reports whether t is bytes, or a struct of one field that is.
func onlyBytes(t *schema.Type) bool {
	if t.Kind == schema.Struct && len(t.Fields) == 1 {
		t = t.Fields[0].Type
	}
	return t.Kind == schema.Bytes
}

// call calls, and delivers all of the reply but what is for the command.
func (j *Job) call(ctx context.Context, dial Dial) error {
	conn, hangUp, err := dial(ctx)
	if err != nil {
		return Undialed(err)
	}
	defer j.within(hangUp)
	reply, err := j.ask(ctx, conn)
	if err != nil {
		return err
	}
	return j.deliver(ctx, reflect.ValueOf(reply))
}

// lag is how long functions that the daemon calls back may go on, and a connection
// take to end, after the end of the call. One that does not look at its context, as
// it reads what is typed, ends with this process.
const lag = 500 * time.Millisecond

// ask calls. After the end of ctx it waits for what is under way here, but no
// longer than lag.
func (j *Job) ask(ctx context.Context, conn any) (reply any, err error) {
	type answer struct {
		reply any
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		reply, err := hook.Call(ctx, conn, j.Function, j.Args)
		done <- answer{reply, err}
	}()
	select {
	case a := <-done:
		return a.reply, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-done:
		return a.reply, a.err
	case <-time.After(lag):
		return nil, ctx.Err()
	}
}

// within does what ends a connection, and returns after lag at the latest. A
// function that still runs then may have left a prompt on the line.
func (j *Job) within(hangUp func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		hangUp()
	}()
	select {
	case <-done:
	case <-time.After(lag):
		if Width(j.Shell.Err) > 0 {
			_, _ = io.WriteString(j.Shell.Err, "\n")
		}
	}
}

// deliver prints what of the reply, a pointer, is to be printed, and then copies
// what flows.
func (j *Job) deliver(ctx context.Context, reply reflect.Value) error {
	v := reply.Elem()
	defer closeFlows(j.Reply, v)
	if err := j.print(reply); err != nil {
		return err
	}
	return eachFlow(j.Reply, v, func(t *schema.Type, name string, v reflect.Value) error {
		return j.flow(ctx, t, name, v)
	})
}

// print prints all that does not flow. Beside something that flows to stdout,
// people read it on stderr.
func (j *Job) print(reply reflect.Value) error {
	if j.JSON {
		return j.printJSON(reply)
	}
	var b bytes.Buffer
	people(&b, j.Reply, reply)
	switch {
	case b.Len() == 0:
		return nil
	case j.Output != "" && onlyBytes(j.Reply):
		return write(j.out, b.Bytes())
	case j.Output == "" && j.Command == nil && (copied(j.Reply) || has(j.Reply, schema.Stream)):
		return write(j.Shell.Err, output.Sanitize(b.Bytes()))
	}
	if onlyBytes(j.Reply) && j.Shell.OnTerminal() {
		line(&b, "")
	}
	return j.Shell.Print(b.Bytes())
}

// eachFlow calls f with the parts of a value that flow.
func eachFlow(t *schema.Type, v reflect.Value, f func(t *schema.Type, name string, v reflect.Value) error) error {
	if flows(t) {
		return f(t, "", v)
	}
	if t.Kind != schema.Struct {
		return nil
	}
	var errs []error
	for i := range t.Fields {
		if x := &t.Fields[i]; flows(x.Type) {
			errs = append(errs, f(x.Type, x.Name, v.Field(x.Index)))
		}
	}
	return errors.Join(errs...)
}

// flow copies, keeps for the command, or prints v while it comes.
func (j *Job) flow(ctx context.Context, t *schema.Type, name string, v reflect.Value) error {
	if t.Kind == schema.Stream {
		return j.stream(t, v)
	}
	switch x := v.Interface().(type) {
	case *os.File:
		if x == nil {
			return nil
		}
		if j.Command != nil {
			v.SetZero() // it is not closed then
			j.handed, j.names = append(j.handed, x), append(j.names, name)
			return nil
		}
		return j.copyFile(ctx, x)
	case io.Reader:
		return j.copy(ctx, x)
	}
	return nil
}

// closeFlows closes what a reply brought and nobody took.
func closeFlows(t *schema.Type, v reflect.Value) {
	_ = eachFlow(t, v, func(_ *schema.Type, _ string, v reflect.Value) error {
		if c, ok := v.Interface().(io.Closer); ok && !v.IsZero() {
			c.Close()
		}
		return nil
	})
}

// copyFile copies what f holds, or what comes through it.
func (j *Job) copyFile(ctx context.Context, f *os.File) error {
	if info, err := f.Stat(); err == nil && info.Mode()&os.ModeSocket != 0 {
		return Usagef("%s handed out a socket, and it was closed: add -- PROGRAM, which gets it as fd 3", j.Function.Name)
	}
	return j.copy(ctx, f)
}

// copy copies r until its end, or that of ctx; r may then go on to be read until
// this process ends, which is soon.
func (j *Job) copy(ctx context.Context, r io.Reader) error {
	done := make(chan error, 1)
	go func() { done <- j.copyAll(r) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (j *Job) copyAll(r io.Reader) error {
	if j.Output != "" {
		_, err := io.Copy(j.out, r)
		return err
	}
	if !j.Shell.OnTerminal() {
		_, err := io.Copy(j.Shell.Out, r)
		return err
	}
	w := &sanitizing{w: j.Shell.Out}
	_, err := io.Copy(w, r)
	return errors.Join(err, w.end())
}

// sanitizing is a terminal.
type sanitizing struct {
	w io.Writer
	s output.Sanitizer
}

// Write writes what may be shown of p.
func (s *sanitizing) Write(p []byte) (int, error) {
	_, err := s.w.Write(s.s.Append(nil, p))
	return len(p), err
}

// end writes what was held back.
func (s *sanitizing) end() error {
	_, err := s.w.Write(s.s.Flush(nil))
	return err
}

// stream prints the elements of a stream while they come, each on a line.
func (j *Job) stream(t *schema.Type, v reflect.Value) error {
	if v.Kind() != reflect.Pointer {
		v = v.Addr()
	}
	for e, err := range items(v.Interface()) {
		if err != nil {
			return err
		}
		if err := j.element(t.Elem, e); err != nil {
			return err
		}
	}
	return nil
}

// element prints an element of a stream.
func (j *Job) element(t *schema.Type, e reflect.Value) error {
	if j.JSON {
		return j.printJSONOf(t, e.Addr())
	}
	var b bytes.Buffer
	s := text(t, e)
	if t.Kind == schema.Struct {
		s = legible.Visible(s)
	}
	line(&b, s)
	return j.Shell.Print(b.Bytes())
}
