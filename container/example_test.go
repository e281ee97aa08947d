package container_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

func ExampleSearch() {
	c := container.FromBytes([]byte("MZ\x90..PE\x00\x00, MZ?.PE"))
	defer c.Close()
	p, err := pattern.Hex("4D 5A ?? [1-4] 50 45")
	if err != nil {
		log.Fatal(err)
	}
	for m, err := range container.Search(context.Background(), c, p, container.Range{Back: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Offset, m.Length)
	}
	// Output:
	// 11 6
	// 0 7
}

// What a program keeps elsewhere, behind an API for instance, is read when it is asked
// for, and by workers too.
func ExampleFromReaderAt() {
	elsewhere := strings.NewReader("a long text that stays where it is")
	c := container.FromReaderAt(elsewhere, elsewhere.Size(), container.Live{Name: "the text"})
	defer c.Close()
	at, err := c.Find([]byte("stays"), 0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(at)
	// Output: 17
}

// The memory of a process that runs is read where it is, by workers too: nothing is copied
// up front.
func ExampleFromProcess() {
	if len(os.Args) < 2 {
		log.Fatal("of which process?")
	}
	pid, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	c, err := container.FromProcess(pid)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	p, err := pattern.Bytes([]byte("password="))
	if err != nil {
		log.Fatal(err)
	}
	for m, err := range container.Search(context.Background(), c, p, container.Range{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%#x\n", m.Offset)
	}
}

func ExampleFromDevice() {
	c, err := container.FromDevice("/dev/vda")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	sector := make([]byte, 512)
	if _, err := c.ReadAt(sector, 0); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d bytes, of which the first end with % x\n", c.Size(), sector[510:])
}

// Bytes that a program has are shared without a copy of its own.
func ExampleFromBytes() {
	c := container.FromBytes([]byte("one two"))
	defer c.Close()
	two, err := c.Slice(4, 3)
	if err != nil {
		log.Fatal(err)
	}
	b := make([]byte, two.Size())
	if _, err := two.ReadAt(b, 0); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, immutable: %v\n", b, two.Immutable())
	// Output: two, immutable: true
}

func ExampleFromFile() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "data")
	if err := os.WriteFile(path, []byte("of a file"), 0o600); err != nil {
		log.Fatal(err)
	}
	c, err := container.FromFile(path)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	err = c.View(func(b []byte) error {
		fmt.Printf("%s, immutable: %v\n", b, c.Immutable())
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output: of a file, immutable: false
}

func ExampleFromReader() {
	c, err := container.FromReader(strings.NewReader("all that a reader yields"))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	n, err := container.Count(context.Background(), c, []byte("a"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n)
	// Output: 4
}

func ExampleHash() {
	c := container.FromBytes([]byte("abc"))
	defer c.Close()
	for _, algorithm := range []string{container.HashSHA256, container.HashXXH3, container.HashCRC32} {
		sum, err := container.Hash(context.Background(), c, algorithm)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %.4x\n", algorithm, sum)
	}
	// Output:
	// sha256 ba7816bf
	// xxh3 78af5f94
	// crc32 352441c2
}
