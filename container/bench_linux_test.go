package container

import (
	"bytes"
	"testing"
)

// BenchmarkSearch finds a pattern behind 10 MiB: here, in a new map, and in a
// map that was searched before.
func BenchmarkSearch(b *testing.B) {
	pattern := []byte{0xAA, 0xBB, 0xCC, 0xDD}
	data := append(bytes.Repeat([]byte{0xFF}, 10<<20), pattern...)
	find := func(b *testing.B, c Container) {
		if at, err := c.Find(pattern, 0); at != 10<<20 || err != nil {
			b.Fatal(at, err)
		}
	}
	src := FromBytes(data)
	defer src.Close()
	b.Run("local", func(b *testing.B) {
		for b.Loop() {
			bytes.Index(data, pattern)
		}
	})
	b.Run("repeated", func(b *testing.B) {
		c := reopened(b, src)
		for b.Loop() {
			find(b, c)
		}
	})
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			h, err := Pass(src)
			if err != nil {
				b.Fatal(err)
			}
			c, err := Open(h, OpenOptions{})
			if err != nil {
				b.Fatal(err)
			}
			find(b, c)
			b.StopTimer()
			c.Close()
			b.StartTimer()
		}
	})
	b.Run("file", func(b *testing.B) {
		c := fromFile(b, writeFile(b, data))
		for b.Loop() {
			find(b, c)
		}
	})
}

// BenchmarkHundredThousand makes, passes and opens 100,000 containers that
// live together, in a process that may open 1,024 files.
func BenchmarkHundredThousand(b *testing.B) {
	data := randomBytes(InlineMax + 1)
	path := writeFile(b, data)
	for name, create := range kinds(path, data) {
		if name == "reader" || name == "spooled" {
			continue // each has its own memory: 3 GiB and more
		}
		b.Run(name, func(b *testing.B) {
			limitFiles(b, 1024)
			fds := settledFDs(b)
			for b.Loop() {
				benchmarkMany(b, create, 100_000)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/container")
			if n := openFDs(b); n != fds {
				b.Errorf("%d files are left open, %d were", n, fds)
			}
		})
	}
}

func benchmarkMany(b *testing.B, create func() (Container, error), n int) {
	all := make([]Container, 0, 2*n)
	for range n {
		made, opened, err := roundTrip(create)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, made, opened)
	}
	for _, c := range all {
		c.Close()
	}
}

func BenchmarkReadAt(b *testing.B) {
	data := randomBytes(1 << 20)
	for name, c := range map[string]Container{
		"bytes": FromBytes(data), "mapped": reopened(b, FromBytes(data)), "file": fromFile(b, writeFile(b, data)),
	} {
		b.Run(name, func(b *testing.B) {
			p := make([]byte, 64)
			for b.Loop() {
				c.ReadAt(p, 5000)
			}
		})
	}
}
