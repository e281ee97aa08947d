package python

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/internal/guest"
)

// Lang is the language's name in outwork.Target and outwork.Script.
const Lang = "python"

// Variable is the environment variable that names the interpreter.
const Variable = "OUTWORK_PYTHON"

func init() { guest.Register(Lang, interpreter{}) }

// interpreter is of guest.Interpreter.
type interpreter struct{}

func (interpreter) Find(program string, env []string) (string, error) { return Find(program, env) }

// The interpreter that is looked for, and what to do when there is none.
const (
	usual   = "python3"
	choose  = "name another with Target.Program, --python or " + Variable
	another = "; " + choose
	missing = "; install " + usual + ", or " + choose
)

// Find is the path of the interpreter that a worker would be started with: program,
// a command or a path, or else what the variable of env names, or python3.
func Find(program string, env []string) (path string, err error) {
	why := ""
	if program == "" {
		program, why = value(env, Variable), " ("+Variable+")"
	}
	if program == "" {
		program, why = usual, missing
	}
	path, err = exec.LookPath(program)
	if err != nil {
		if e, ok := errors.AsType[*exec.Error](err); ok {
			err = e.Err
		}
		return "", fmt.Errorf("no Python: %s: %w%s", program, err, why)
	}
	return filepath.Abs(path)
}

// Shell is of guest.Interpreter.
func (interpreter) Shell(program string, env []string) (word, hint string) {
	if program == "" {
		program = value(env, Variable)
	}
	switch {
	case program != "":
		return guest.Quote(program), ""
	case env == nil:
		word = "${" + Variable + ":-" + usual + "}"
	default:
		word = usual
	}
	return word, missing
}

// value is a variable's in env.
func value(env []string, name string) (v string) {
	for _, e := range env {
		if after, ok := strings.CutPrefix(e, name+"="); ok {
			v = after
		}
	}
	return v
}

// The program that reads the runtime from a descriptor: a number of bytes, which an
// expression unpacks. It is all that is on the command line.
const stub = "import os,sys,zlib;b=b''\nsys.version_info<(3,8)and sys.exit('Python %%d.%%d is too old: 3.8 or later is needed" + another + "'%%sys.version_info[:2])\n" +
	"os.set_blocking(%[1]d,True)\nwhile len(b)<%[2]d:b+=os.read(%[1]d,%[2]d-len(b))or exit(1)\n" +
	"b=%[3]s.split(b'\\0');exec(compile(b[0],'<outwork>','exec'),{'__name__':'outwork._boot','PARTS':b})"

func (interpreter) Start(o guest.Options) (args []string, boot []byte) {
	boot = program(o)
	if o.Plain {
		boot = pack(boot)
		return []string{"-I", "-c", fmt.Sprintf(stub, 0, len(boot), "zlib.decompress(b)")}, boot
	}
	return []string{"-I", "-c", fmt.Sprintf(strings.Replace(stub, ",zlib", "", 1), linkFD, len(boot), "b")}, boot
}

func (interpreter) Modules(name string, o guest.Options) []guest.Source { return parts(name, o) }

// Mentioned goes by words: a part that is sent in vain costs little, and one that is
// not sent a round trip.
func (interpreter) Mentioned(source string) (names []string) {
	for _, m := range []struct{ word, part string }{
		{"main", "outwork._scripts"}, {"thread", "outwork._local"}, {"outwork", "outwork._api"}, {"shared", "outwork._containers"}, {"outwork.pattern", "outwork._patterns"}, {"outwork.show", "outwork._asks"}, {"outwork.inspect", "outwork._asks"}, {"logging", "outwork._local"}, {"logging", "outwork._logs"},
	} {
		if strings.Contains(source, m.word) && !slices.Contains(names, m.part) {
			names = append(names, m.part)
		}
	}
	return names
}
