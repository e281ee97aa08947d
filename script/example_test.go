package script_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/script"
)

// A guest for a language of which each script is a text that names its arguments: $1, $2, ….
func init() {
	script.Register("template", func(_ context.Context, s outwork.Script) (any, error) {
		var pairs []string
		for i, arg := range s.Args {
			pairs = append(pairs, fmt.Sprint("$", i+1), arg)
		}
		return strings.NewReplacer(pairs...).Replace(s.Source), nil
	})
}

func ExampleRegister() {
	ctx := context.Background()
	var m outwork.Manager
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{}) // the program's main calls outwork.Main first
	if err != nil {
		log.Fatal(err)
	}
	v, err := w.Run(ctx, outwork.Script{Lang: "template", Name: "greeting", Source: "$1, $2!", Args: []string{"Hello", "World"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output: "Hello, World!"
}
