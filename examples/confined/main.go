// Confined tells what a program or library is: confined FILE; without one, itself. The file may
// be hostile, so that it is read by a worker that can do nothing but compute and answer. What
// holds that is printed too, and what comes of it when such a worker opens a file by itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
	"github.com/outwork-go/outwork/lost"
	"github.com/outwork-go/outwork/sandbox"
)

// Steal is what code that has taken over a worker could do first.
var Steal = outwork.Func("steal", func(_ context.Context, path string) ([]byte, error) {
	return os.ReadFile(path)
})

func main() {
	outwork.Main()
	path, err := os.Executable()
	if len(os.Args) > 1 {
		path, err = os.Args[1], nil
	}
	if err == nil {
		err = run(context.Background(), path)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, path string) error {
	c, err := container.FromFile(path) // opened here; the worker gets what is in it
	if err != nil {
		return err
	}
	defer c.Close()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{
		Sandbox: sandbox.Config{Level: sandbox.Strict},
		Limits:  sandbox.Limits{Memory: 256 << 20, CPU: time.Minute},
	})
	if err != nil {
		return err
	}
	held := w.Confinement()
	fmt.Printf("the worker is confined: %s\n", held.Level)
	for _, s := range held.Active {
		fmt.Printf("  %s\n", s)
	}
	r, err := inspect.In(ctx, w, c, inspect.Options{Brief: true})
	if errors.Is(err, lost.Memory) {
		return fmt.Errorf("it takes more than 256 MiB to read %s: %w", path, err)
	} else if err != nil {
		return err // of the file, or of the worker: then there is another lost.Cause
	}
	fmt.Printf("it has read %s: %s %s, %d libraries\n", path, r.Format, r.Kind, len(r.Imports))
	_, err = Steal.Call(ctx, w, path)
	if !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("the worker could read %s by itself: %v", path, err)
	}
	fmt.Println("by itself the worker cannot read it: " + err.Error())
	return nil
}
