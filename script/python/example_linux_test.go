package python_test

import (
	"context"
	"fmt"
	"log"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/script/python"
)

// A function of a module, and a script. (The program's main calls outwork.Main first.)
func Example() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{Lang: python.Lang})
	if err != nil {
		log.Fatal(err)
	}
	v, err := python.Import(w, "statistics").Call(ctx, "median", []int{3, 1, 2})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	v, err = w.Run(ctx, outwork.Script{Lang: python.Lang, Name: "greet.py", Source: "def main(name): return 'Hello, ' + name", Args: []string{"World"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Any())
	// Output:
	// 2
	// Hello, World
}
