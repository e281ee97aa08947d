package python

import (
	"bytes"
	"compress/zlib"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/outwork-go/outwork/internal/guest"
	"github.com/outwork-go/outwork/internal/starter"
)

const linkFD = starter.LinkFD

// The runtime: a package that is sent, and never is on a disk over there.
//
//go:embed outwork/*.py
var files embed.FS

// first is the module that is not imported but run, and core those that are sent with
// it. The others are asked for when they are imported.
const first = "outwork._boot"

var core = []string{"outwork._importer", "outwork._link", "outwork._run", "outwork._threads", "outwork._values"}

// sources are the runtime's modules, shrunk, by the name that they are imported by.
var sources = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	names, err := fs.Glob(files, "outwork/*.py")
	if err != nil {
		panic(err) // of a constant pattern
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		out["outwork."+strings.TrimSuffix(path.Base(name), ".py")] = shrink(string(text))
	}
	return out
})

// program is what a process is sent first: the text of first, which begins with its
// OPTIONS, then name and text of each module of core, with a NUL between any two. (As
// literals in one text they would take Python longer to read.)
func program(o guest.Options) []byte {
	var b bytes.Buffer
	b.WriteString("OPTIONS={'functions':{")
	for _, name := range slices.Sorted(maps.Keys(o.Functions)) {
		fmt.Fprintf(&b, "%q:%s,", name, strconv.QuoteToASCII(o.Functions[name]))
	}
	fmt.Fprintf(&b, "},'plain':%d}\n", btoi(o.Plain)+btoi(o.Alone))
	b.WriteString(sources()[first])
	modules := core
	if o.Plain {
		modules = append(slices.Clone(core), "outwork._plain")
	}
	if o.Alone {
		modules = append(modules, "outwork._keeper")
	}
	for _, name := range modules {
		fmt.Fprintf(&b, "\x00%s\x00%s", name, sources()[name])
	}
	return b.Bytes()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func pack(b []byte) []byte {
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err == nil {
		w.Write(b) // to memory
		err = w.Close()
	}
	if err != nil {
		panic(err) // of a constant level
	}
	return out.Bytes()
}

// along are the parts of the runtime that another is sure to ask for soon.
var along = map[string][]string{
	"outwork._api":       {"outwork._calls", "outwork._more"},
	"outwork._errors":    {"outwork._local", "outwork._more"},
	"outwork._resources": {"outwork._local"},
}

// parts is a module of the runtime and what goes along with it.
func parts(name string, o guest.Options) (all []guest.Source) {
	names := append([]string{name}, along[name]...)
	switch {
	case name != "outwork._containers":
	case o.Plain:
		names = append(names, "outwork._paged")
	default:
		names = append(names, "outwork._mapped")
	}
	for _, n := range names {
		if text, ok := sources()[n]; ok {
			all = append(all, guest.Source{Name: n, Text: text})
		}
	}
	return all
}
