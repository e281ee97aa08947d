package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/outwork-go/outwork/internal/output"
)

// kindHosts is that some of several hosts failed.
const kindHosts = "hosts"

// outcome is what became of one host.
type outcome struct {
	label string
	took  time.Duration
	fail  *failure // nil: all was well
}

// onEach works at all places, so many at once, and tells what became of each: with
// --json in an object as soon as it is there, and else in a table at the end. do returns
// what to say of a success in JSON.
func (a *app) onEach(ctx context.Context, ds []destination, atOnce int, do func(context.Context, destination) (map[string]any, error)) error {
	outcomes := make([]outcome, len(ds))
	var all sync.WaitGroup
	var printing sync.Mutex
	var printErr error
	free := make(chan struct{}, atOnce)
	for i, d := range ds {
		free <- struct{}{} // in order, so that the first come first
		all.Go(func() {
			defer func() { <-free }()
			object := a.at(ctx, d, do, &outcomes[i])
			if !a.json {
				return
			}
			printing.Lock()
			defer printing.Unlock()
			printErr = cmp.Or(printErr, a.printJSON(object))
		})
	}
	all.Wait()
	switch {
	case a.json:
	case a.summaryOf != nil:
		printErr = a.summaryOf(outcomes)
	default:
		a.summary(outcomes)
	}
	return cmp.Or(printErr, failed(ctx, outcomes, a.json))
}

// at works at one place, and returns the JSON of what became of it.
func (a *app) at(ctx context.Context, d destination, do func(context.Context, destination) (map[string]any, error), o *outcome) map[string]any {
	begun := time.Now()
	object, err := map[string]any(nil), ctx.Err()
	if err == nil {
		object, err = do(ctx, d)
	} else {
		err = ending(ctx, d.label, 0, err)
	}
	*o = outcome{d.label, time.Since(begun), asFailure(err)}
	if object == nil {
		object = map[string]any{}
	}
	object["host"], object["seconds"] = d.label, o.took.Seconds()
	if o.fail != nil {
		object["error"] = o.fail
	}
	return object
}

// asFailure is err as a failure, or nil.
func asFailure(err error) *failure {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	return &failure{status: statusFailed, Kind: kindOther, Message: err.Error()}
}

// summary shows on stderr what became of each host.
func (a *app) summary(outcomes []outcome) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tRESULT\tTIME\t")
	for _, o := range outcomes {
		result, why := "ok", ""
		if o.fail != nil {
			result, why = "failed", firstLine(o.fail.Message)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", o.label, result, seconds(o.took), why)
	}
	w.Flush()
	for line := range strings.Lines(b.String()) {
		a.complain(strings.TrimRight(line, " \n"))
	}
}

// firstLine is the beginning of a message, without what a table cannot hold.
func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return string(output.Sanitize([]byte(strings.ReplaceAll(s, "\t", " "))))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// failed says which hosts failed, if any did.
func failed(ctx context.Context, outcomes []outcome, told bool) error {
	var labels []string
	for _, o := range outcomes {
		if o.fail != nil {
			labels = append(labels, o.label)
		}
	}
	if len(labels) == 0 {
		return nil
	}
	f := &failure{status: statusFailed, Kind: kindHosts, told: told}
	f.Message = fmt.Sprintf("%d of %s failed: %s", len(labels), count(len(outcomes), "host"), strings.Join(labels, ", "))
	if ctx.Err() != nil {
		if e := asFailure(ending(ctx, "", 0, ctx.Err())); e.status == statusInterrupted {
			f.status, f.Kind, f.Message = e.status, e.Kind, e.Message+": "+f.Message
		}
	}
	return f
}

// count is a number of things.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
