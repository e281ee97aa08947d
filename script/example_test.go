package script_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"testing/fstest"

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

// A language with imports: @NAME is a file that the manager serves.
func init() {
	script.Register("letter", func(ctx context.Context, s outwork.Script) (any, error) {
		words := strings.Fields(s.Source)
		for i, word := range words {
			name, ok := strings.CutPrefix(word, "@")
			if !ok {
				continue
			}
			text, err := script.Import(ctx, "letter", name)
			if err != nil {
				return nil, err
			}
			if text.Missing {
				return nil, fmt.Errorf("there is no file %q", name)
			}
			words[i] = string(text.Source)
		}
		return strings.Join(words, " "), nil
	})
}

func ExampleImport() {
	ctx := context.Background()
	m := outwork.Manager{Modules: fstest.MapFS{"to.txt": {Data: []byte("dear reader")}}}
	defer m.Close()
	w, err := m.Start(ctx, outwork.Target{})
	if err != nil {
		log.Fatal(err)
	}
	v, err := w.Run(ctx, outwork.Script{Lang: "letter", Name: "letter", Source: "Hello @to.txt !"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v)
	// Output: "Hello dear reader !"
}
