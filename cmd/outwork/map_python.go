package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/each"
	"github.com/outwork-go/outwork/internal/link"
	"github.com/outwork-go/outwork/script/python"
)

// pythonMap is the part of the Python runtime that calls main.
func pythonMap(w *outwork.Worker) *python.Module {
	m := python.Import(w, "outwork._map")
	m.Main = true // can be interrupted there
	return m
}

// mapShare is the name that a file is shared under with the worker that it is for, unless it
// is small.
const mapShare = "file"

// pythonFiles is how many files an interpreter does, until another takes its place: the manager
// keeps a view of each that it was shared as long as it lives, and not of any number.
var pythonFiles = link.MaxPaged / 4

// python does one file.
func (b *mapAttempt) python(ctx context.Context) error {
	in := b.batch[0]
	c, err := b.container(ctx, in)
	if err != nil {
		b.emit(0, nil, unreadableTrouble(in.name, err))
		return nil
	}
	defer c.Close()
	args := []any{in.data, nil}
	if !in.held {
		if err = b.w.Share(mapShare, c); err != nil {
			return err
		}
		defer b.w.Unshare(mapShare)
		args = []any{[]byte{}, mapShare}
	}
	begun := time.Now()
	v, err := pythonMap(b.w).Call(b.granting(ctx, c), "file", args...)
	if err != nil {
		return err
	}
	r, err := pythonMapped(v.Any())
	if err != nil {
		return err
	}
	r.Time = time.Since(begun)
	b.told(0, r)
	return nil
}

// pythonMapped is what the worker says of a file, [value, output, cut, memory, fault].
func pythonMapped(v any) (*each.Outcome, error) {
	list, _ := v.([]any)
	if len(list) != 5 {
		return nil, errors.New("the worker does not say what became of the file")
	}
	var r each.Outcome
	var of [4]bool
	r.Value, of[0] = list[0].([]byte)
	r.Output, of[1] = list[1].([]byte)
	r.Cut, of[2] = list[2].(bool)
	r.Memory, of[3] = list[3].(int64)
	if of != [4]bool{true, true, true, true} {
		return nil, fmt.Errorf("the worker says of the file what it must not: %T, %T, %T, %T", list[0], list[1], list[2], list[3])
	}
	r.Output = r.Output[:min(len(r.Output), each.MaxOutput)]
	if list[4] == nil {
		return &r, nil
	}
	texts, _ := list[4].([]any)
	if len(texts) != 3 {
		return nil, errors.New("the worker does not say why the file failed")
	}
	cause, _ := texts[0].(string)
	message, _ := texts[1].(string)
	traceback, _ := texts[2].(string)
	r.Value, r.Fault = nil, &each.Fault{Kind: kindScript, Cause: causeScript, Message: each.Cut(message), Traceback: each.Cut(traceback)}
	if cause == causeMemory || cause == causeOutput {
		r.Fault.Kind, r.Fault.Cause = kindLimit, cause
	}
	return &r, nil
}
