package inspect_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/inspect"
)

// A file that nobody trusts is read in a worker. (A test's main, TestMain, calls
// outwork.Main as every program does that has workers.)
func ExampleIn() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		log.Fatal(err)
	}
	path, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	c, err := container.FromFile(path)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	r, err := inspect.In(ctx, w, c, inspect.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Format, len(r.Sections) > 3, r.Structure[0].Name)
	// Output: ELF64 true Elf64_Ehdr
}

// What is known to be harmless can be read in this process.
func ExampleParse() {
	path, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	c, err := container.FromFile(path)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	r, err := inspect.Parse(context.Background(), c, inspect.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range r.Sections {
		if s.Name == ".text" {
			fmt.Println(s.Name, s.Flags)
		}
	}
	// Output: .text AX
}

// A program that wants PE images alone, and their fields.
func ExampleOpenPE() {
	c := container.FromBytes([]byte("\x7fELF, which is no PE image"))
	defer c.Close()
	pe, err := inspect.OpenPE(context.Background(), c)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("machine %#x\n", pe.FileHeader().Uint("Machine"))
	// Output: no PE image, but: ELF file
}
