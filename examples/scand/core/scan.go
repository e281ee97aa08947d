// Package core is what the daemon does for its clients, and what its workers do for it.
package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
	"github.com/outwork-go/outwork/sandbox"
)

// MaxFile is how many bytes a file may have.
const MaxFile = 256 << 20

// Args are the arguments of scan.
type Args struct {
	File *os.File `cbor:"file" doc:"the file" arg:"0"`
}

// Report is what a file is, as far as it has told: the word of a process that has read it.
type Report struct {
	Format   string    `cbor:"format" doc:"PE, ELF, or empty for what is neither"`
	Kind     string    `cbor:"kind" doc:"what of that"`
	Machine  string    `cbor:"machine" doc:"the processor that it is for"`
	SHA256   string    `cbor:"sha256" doc:"of all of it, in hexadecimal"`
	Size     int64     `cbor:"size" doc:"in bytes"`
	Facts    []Fact    `cbor:"facts" doc:"what else is known of it"`
	Imports  []Library `cbor:"imports" doc:"what it takes from other files"`
	Warnings []string  `cbor:"warnings" doc:"what is wrong with it"`
	Held     []string  `cbor:"held" doc:"what held the process that has read it"`
}

// Fact is something about a file.
type Fact struct {
	Name  string `cbor:"name" doc:"what it is about"`
	Value string `cbor:"value" doc:"what is so"`
}

// Library is one that a file takes symbols from.
type Library struct {
	Name    string `cbor:"name" doc:"its name"`
	Symbols int    `cbor:"symbols" doc:"how many"`
}

// BrokenError is a file that its worker did not survive.
type BrokenError struct {
	Cause string // why the worker was lost, as the end of a sentence about it
}

func (e *BrokenError) Error() string {
	return "the file broke the process that read it, and nothing else: " + e.Cause
}

// It crosses as itself, so that clients find it by errors.As.
var _ = outwork.RegisterError("scan.broken", &BrokenError{})

// workers are the daemon's.
var workers *outwork.Manager

// Start is what the daemon begins with.
func Start(context.Context) (stop func() error, err error) {
	workers = &outwork.Manager{Stdout: io.Discard, Stderr: io.Discard}
	return workers.Close, nil
}

// Scan has a file read by a worker of its own: one that a file of another user has taken over
// would tell lies about this one.
var Scan = outwork.Func("scan", func(ctx context.Context, a Args) (r Report, err error) {
	c, err := hold(a.File)
	if err != nil {
		return r, err
	}
	defer c.Close()
	w, err := workers.Start(ctx, target)
	if err != nil {
		return r, err
	}
	defer w.Close()
	read, err := Read.Call(ctx, w, c)
	if err != nil {
		return r, explain(err)
	}
	sum, err := container.SHA256(ctx, c) // here: the worker might lie about it
	if err != nil {
		return r, err
	}
	read.SHA256, read.Size, read.Held = fmt.Sprintf("%x", sum), c.Size(), w.Confinement().Active
	return read, nil
})

// target is what reads a file.
var target = outwork.Target{
	Sandbox: sandbox.Config{Level: sandbox.Strict},
	Limits:  sandbox.Limits{Memory: 512 << 20, CPU: 20 * time.Second, WallTime: 30 * time.Second, Output: 1 << 20},
}

// hold is a copy of a file, as it is now, that nobody can change: not who has handed it in, nor
// who reads it.
func hold(f *os.File) (container.Container, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > MaxFile {
		return nil, fmt.Errorf("a file of %d bytes: at most %d MiB are read", st.Size(), MaxFile>>20)
	}
	return container.FromReader(io.NewSectionReader(f, 0, MaxFile))
}

// explain is why a worker gave no report.
func explain(err error) error {
	if lost, ok := errors.AsType[*outwork.LostError](err); ok && lost.Cause != nil {
		return &BrokenError{lost.Cause.Error()}
	}
	if broke, ok := errors.AsType[*outwork.ProtocolError](err); ok {
		return &BrokenError{"it broke the protocol: " + broke.Rule}
	}
	return err
}

// Parse is what a worker does with a file. Tests put something fragile in its place.
var Parse = inspect.Parse

// Read is what the worker does.
var Read = outwork.Func("scan.read", func(ctx context.Context, c container.Container) (Report, error) {
	defer c.Close()
	found, err := Parse(ctx, c, inspect.Options{Brief: true})
	if err != nil {
		return Report{}, err
	}
	r := Report{Format: found.Format, Kind: found.Kind, Machine: found.Machine, Warnings: found.Warnings}
	for _, f := range found.Facts {
		r.Facts = append(r.Facts, Fact{f.Name, f.Value})
	}
	for _, l := range found.Imports {
		r.Imports = append(r.Imports, Library{l.Name, len(l.Symbols)})
	}
	return r, nil
})
