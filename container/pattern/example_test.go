package pattern_test

import (
	"context"
	"fmt"
	"log"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

func ExampleParse() {
	for _, text := range []string{"needle", "hex:4D 5A ?? [2-6] 50", `re:[0-9]+\x00`, "i:Password", "hex:4G"} {
		p, err := pattern.Parse(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(p)
	}
	// Output:
	// needle
	// hex:4D 5A ?? [2-6] 50
	// re:[0-9]+\x00
	// i:Password
	// hex pattern: "4G" at 0 is no byte; they are written 4D, ??, 4?, ?D, [6] or [2-6]
}

func ExampleCompile() {
	p, err := pattern.Compile(pattern.Spec{Kind: pattern.KindAny, Texts: [][]byte{[]byte("get"), []byte("post")}, Fold: true})
	if err != nil {
		log.Fatal(err)
	}
	show(p, "POST /a, then Get /b")
	// Output:
	// 0 4 1
	// 14 3 0
}

func ExampleHex() {
	p, err := pattern.Hex("00 ?? [1-2] 0A")
	if err != nil {
		log.Fatal(err)
	}
	show(p, "\x00a.\n")
	// Output: 0 4 0
}

// A character is a byte.
func ExampleRegexp() {
	p, err := pattern.Regexp(`[\x80-\xff]{2,}`)
	if err != nil {
		log.Fatal(err)
	}
	show(p, "ab\xfe\xff\x80cd")
	// Output: 2 3 0
}

// show searches for p in text. Programs search in a container: see container.Search.
func show(p *pattern.Pattern, text string) {
	c := container.FromBytes([]byte(text))
	defer c.Close()
	for m, err := range container.Search(context.Background(), c, p, container.Range{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Offset, m.Length, m.Index)
	}
}
