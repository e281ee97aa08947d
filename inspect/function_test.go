package inspect_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
	"github.com/outwork-go/outwork/outworktest"
)

// A worker tells what a parse here does, also of a file with names that are no text.
func TestInIsParse(t *testing.T) {
	var m outwork.Manager
	w := outworktest.Start(t, &m, outwork.Target{})
	spec := library(true, binary.BigEndian)
	spec.symbols[0].name = "\xffodd\x1b[31m"
	b := spec.build()
	here := parse(t, b, inspect.Options{})
	c := container.FromBytes(b)
	defer c.Close()
	there, err := inspect.In(t.Context(), w, c, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if there.Stats.Bytes == 0 {
		t.Error("it read nothing, by its statistics")
	}
	there.Stats = container.Stats{}
	if !reflect.DeepEqual(*there, *here) {
		t.Errorf("there it is\n%+v\nhere\n%+v", there, here)
	}
	if got := there.Imports[2].Symbols[0].Name; got != "\\xffodd\x1b[31m" {
		t.Errorf("the odd name is %q", got)
	}
}

// A report of many names crosses: what it has too much of is left out.
func TestInIsBounded(t *testing.T) {
	var m outwork.Manager
	w := outworktest.Start(t, &m, outwork.Target{})
	spec := library(false, binary.LittleEndian)
	spec.symbols = nil
	for i := range inspect.MaxSymbols + 100 {
		spec.symbols = append(spec.symbols, elfSpecSymbol{name: fmt.Sprintf("import%022d", i%100)})
	}
	for i := range inspect.MaxSymbols + 100 {
		spec.symbols = append(spec.symbols, elfSpecSymbol{name: fmt.Sprintf("export%022d", i%100), defined: true})
	}
	c := container.FromBytes(spec.build())
	defer c.Close()
	r, err := inspect.In(t.Context(), w, c, inspect.Options{Brief: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(r.Imports[len(r.Imports)-1].Symbols); got != inspect.MaxSymbols {
		t.Errorf("%d imports", got)
	}
	if len(r.Exports) < inspect.MaxSymbols/2 || len(r.Exports) >= inspect.MaxSymbols {
		t.Errorf("%d exports", len(r.Exports))
	}
	if all := strings.Join(r.Warnings, "\n"); !strings.Contains(all, "symbols of one sort") || !strings.Contains(all, "the report would have more") {
		t.Errorf("warnings %q", r.Warnings)
	}
	b, err := json.Marshal(r) // it has the names of fields, as CBOR between programs that differ
	if err != nil || len(b) > 16<<20 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// Whoever waits for a parse waits no longer than they said, and a parse that was late is
// told from a caller who gave up.
func TestInTimeout(t *testing.T) {
	var m outwork.Manager
	w := outworktest.Start(t, &m, outwork.Target{})
	c := container.FromBytes(library(true, binary.LittleEndian).build())
	defer c.Close()
	_, err := inspect.In(t.Context(), w, c, inspect.Options{Timeout: 1})
	if !errors.Is(err, inspect.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(fmt.Sprint(err), "(1ns)") {
		t.Errorf("a timeout is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = inspect.In(ctx, w, c, inspect.Options{}); !errors.Is(err, context.Canceled) || errors.Is(err, inspect.ErrTimeout) {
		t.Errorf("giving up is %v", err)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if _, err = inspect.In(ctx, w, c, inspect.Options{}); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, inspect.ErrTimeout) {
		t.Errorf("the caller's own deadline is %v", err)
	}
	if r, err := inspect.In(t.Context(), w, c, inspect.Options{}); err != nil || r.Format != "ELF64" {
		t.Errorf("after that: %v, %v", r, err)
	}
}

// A worker that is lost is told as one.
func TestInLostWorker(t *testing.T) {
	var m outwork.Manager
	w := outworktest.Start(t, &m, outwork.Target{Name: "ann"})
	w.Close()
	c := container.FromBytes([]byte("\x7fELF"))
	defer c.Close()
	_, err := inspect.In(t.Context(), w, c, inspect.Options{})
	if !errors.As(err, new(*outwork.LostError)) || !strings.HasPrefix(err.Error(), "inspect: ") || !strings.Contains(err.Error(), "ann") {
		t.Errorf("In: %v", err)
	}
}

// A parse heeds its context at each read.
func TestParseEndsWithContext(t *testing.T) {
	c := container.FromBytes(library(true, binary.LittleEndian).build())
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := inspect.Parse(ctx, c, inspect.Options{}); !errors.Is(err, context.Canceled) || r != nil {
		t.Errorf("Parse: %v, %v", r, err)
	}
}

func TestJSON(t *testing.T) {
	r := inspect.Report{Format: "ELF32", Imports: []inspect.Library{{Name: "a.so"}}}
	b, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"format":"ELF32","kind":"","machine":"","size":0,"facts":[],"sections":[],"imports":[{"name":"a.so","symbols":[]}],` +
		`"exports":[],"overlay":{"offset":0,"size":0},"warnings":[]}`
	if string(b) != want {
		t.Errorf("%s\nnot\n%s", b, want)
	}
	if r.Imports[0].Symbols != nil {
		t.Error("the report was changed")
	}
}
