package starlark

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/outwork-go/outwork/internal/legible"
	"github.com/outwork-go/outwork/internal/spell"
)

// Error is why a script failed.
type Error struct {
	// Msg is one sentence without a position.
	Msg string

	// Traceback is for people: the calls that led there, outermost first,
	// with file, line and source text, and Msg as its last line.
	Traceback string

	cause error
}

// Error is Msg.
func (e *Error) Error() string { return e.Msg }

// Unwrap is what ended the script from outside, such as the context's cause or
// an error of the Host.
func (e *Error) Unwrap() error { return e.cause }

const (
	tracebackHead = 5   // frames shown of the outermost calls
	tracebackTail = 10  // frames shown of the innermost calls
	maxLineShown  = 160 // characters of source text shown of a line
	maxSyntaxErrs = 10  // places shown where a file cannot be compiled
	maxMessage    = 8192
)

// explain makes the Error of what the interpreter returned.
func (r *run) explain(err error) *Error {
	e := &Error{Msg: err.Error(), cause: err}
	var t strings.Builder
	if eval := innermost(err); eval != nil {
		e.Msg = evalMessage(eval)
		r.writeStack(&t, eval.CallStack)
	}
	if stop := r.stopped.err.Load(); stop != nil {
		e.Msg, e.cause = (*stop).Error(), *stop
	}
	e.Msg = legible.Cut(strings.ToValidUTF8(e.Msg, "\uFFFD"), maxMessage)
	kind := "Error"
	if g, ok := errors.AsType[notGranted](err); ok {
		r.writePlace(&t, g.at, g.Error())
	} else if r.writeSyntax(&t, err) {
		kind = "SyntaxError"
	}
	fmt.Fprintf(&t, "%s: %s", kind, e.Msg)
	e.Traceback = t.String()
	return e
}

// innermost is the error of the deepest call: modules run on the thread of
// what loads them, so it has the whole stack.
func innermost(err error) (eval *starlark.EvalError) {
	for {
		e, ok := errors.AsType[*starlark.EvalError](err)
		if !ok {
			return eval
		}
		eval, err = e, e.Unwrap()
	}
}

// evalMessage names the built-in that failed, unless its error does.
func evalMessage(e *starlark.EvalError) string {
	if len(e.CallStack) == 0 {
		return e.Msg
	}
	top := e.CallStack.At(0)
	if !isBuiltin(top.Pos) || top.Name == "fail" || strings.HasPrefix(e.Msg, top.Name) {
		return e.Msg
	}
	return top.Name + ": " + e.Msg
}

func isBuiltin(p syntax.Position) bool { return p.Line == 0 }

func (r *run) writeStack(t *strings.Builder, stack starlark.CallStack) {
	t.WriteString("Traceback (most recent call last):\n")
	var frames []starlark.CallFrame
	for _, f := range stack {
		if !isBuiltin(f.Pos) {
			frames = append(frames, f)
		}
	}
	for i, f := range frames {
		left := len(frames) - tracebackHead - tracebackTail
		if i < tracebackHead || i >= tracebackHead+left {
			fmt.Fprintf(t, "  File %q, line %d, in %s\n", f.Pos.Filename(), f.Pos.Line, f.Name)
			r.writeLine(t, f.Pos)
		} else if i == tracebackHead {
			fmt.Fprintf(t, "  [%s left out]\n", count(left, "call"))
		}
	}
}

// writeSyntax shows the places where a file could not be compiled, if that is
// what failed.
func (r *run) writeSyntax(t *strings.Builder, err error) bool {
	if e, ok := errors.AsType[syntax.Error](err); ok {
		r.writePlace(t, e.Pos, e.Msg)
		return true
	}
	list, ok := errors.AsType[resolve.ErrorList](err)
	for _, e := range list[:min(len(list), maxSyntaxErrs)] {
		r.writePlace(t, e.Pos, e.Msg)
	}
	if left := len(list) - maxSyntaxErrs; left > 0 {
		fmt.Fprintf(t, "  [%s left out]\n", count(left, "more error"))
	}
	return ok
}

// hint guesses at predeclared names: the resolver, which knows those of the file alone, has
// guessed at these.
func (r *run) hint(err error) error {
	list, ok := errors.AsType[resolve.ErrorList](err)
	if !ok {
		return err
	}
	known := slices.AppendSeq(slices.Collect(maps.Keys(r.env)), maps.Keys(starlark.Universe))
	known = slices.DeleteFunc(known, func(name string) bool { return len(name) == 1 }) // the guards' own
	slices.Sort(known)
	hinted := slices.Clone(list)
	for i, e := range hinted {
		name, undefined := strings.CutPrefix(e.Msg, "undefined: ")
		if near := spell.Nearest(name, known); undefined && near != "" && !strings.Contains(name, " ") {
			hinted[i].Msg += " (did you mean " + near + "?)" // as the resolver says it
		}
	}
	return hinted
}

func (r *run) writePlace(t *strings.Builder, p syntax.Position, msg string) {
	fmt.Fprintf(t, "  File %q, line %d", p.Filename(), p.Line)
	if p.Col > 0 {
		fmt.Fprintf(t, ", column %d", p.Col)
	}
	fmt.Fprintf(t, ": %s\n", msg)
	r.writeLine(t, p)
}

// placeNewline moves the place of an unexpected newline, which the parser sees
// at the start of the next line, to the line that it ends.
func placeNewline(err error) error {
	e, ok := errors.AsType[syntax.Error](err)
	if ok && strings.HasPrefix(e.Msg, "got newline") && e.Pos.Col == 1 && e.Pos.Line > 1 {
		e.Pos.Line--
		e.Pos.Col = 0
		return e
	}
	return err
}

func (r *run) writeLine(t *strings.Builder, p syntax.Position) {
	if line := sourceLine(r.sources[p.Filename()], int(p.Line)); line != "" {
		fmt.Fprintf(t, "    %s\n", line)
	}
}

// sourceLine is the line with that number, 1 being the first, fit to be shown.
func sourceLine(source []byte, number int) string {
	for range number - 1 {
		_, after, found := bytes.Cut(source, []byte("\n"))
		if !found {
			return ""
		}
		source = after
	}
	line, _, _ := bytes.Cut(source, []byte("\n"))
	if len(line) > 4*maxLineShown {
		line = line[:4*maxLineShown]
	}
	shown := strings.Map(printable, strings.ToValidUTF8(string(line), "\uFFFD"))
	return legible.Cut(strings.TrimSpace(shown), maxLineShown)
}

func printable(c rune) rune {
	switch {
	case c == '\t':
		return ' '
	case unicode.IsPrint(c):
		return c
	}
	return unicode.ReplacementChar
}
