// Package selfrun is what the programs that bench builds have in common. They
// are small, because what a process imports is what its start costs, and they
// measure themselves.
package selfrun

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

// What a program is told to do, as its first argument.
const (
	End    = "end"    // end in main
	Idle   = "idle"   // wait until the standard input ends
	Start  = "start"  // start children, as many as the second argument says
	Memory = "memory" // keep that many children, and say what they hold
)

// Child is a process that is started for another.
type Child interface {
	// PID is its process's id; it may be asked once it has replied.
	PID() (int, error)
	Close() error
}

// Measures is what a program can do with its children. Rows begin with Name.
type Measures struct {
	Name string
	// Begin starts a child and waits for its first reply.
	Begin func() (Child, error)
}

// Run does what args say, and writes readings to the standard output.
func (m Measures) Run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want a task and a number, not %q", args)
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	var readings []reading.Reading
	switch args[0] {
	case Start:
		readings, err = m.start(n)
	case Memory:
		readings, err = m.memory(n)
	default:
		err = fmt.Errorf("unknown task %q", args[0])
	}
	if err != nil {
		return err
	}
	return reading.Write(os.Stdout, readings)
}

// EndsInMain is the row of a program that is re-executed and ends in main.
func EndsInMain(name string) string { return name + "'s program, ends in main" }

// FirstRow is the row of the first child, with what starting needs once.
func FirstRow(name string) string { return name + ", the first" }

// start measures the first child apart, and then a child and a bare start of
// this very program in turn.
func (m Measures) start(n int) ([]reading.Reading, error) {
	first, err := m.startOne()
	if err != nil {
		return nil, err
	}
	bare, child := make([]float64, n), make([]float64, n)
	for i := range n {
		took, err := reading.Duration(exec.Command("/proc/self/exe", End).Run)
		if err != nil {
			return nil, err
		}
		bare[i] = reading.Millis(took)
		if took, err = m.startOne(); err != nil {
			return nil, err
		}
		child[i] = reading.Millis(took)
	}
	return []reading.Reading{
		{Row: EndsInMain(m.Name), Metric: reading.Time, Value: stat.Median(bare)},
		{Row: FirstRow(m.Name), Metric: reading.Time, Value: reading.Millis(first)},
		{Row: m.Name, Metric: reading.Time, Value: stat.Median(child)},
	}, nil
}

func (m Measures) startOne() (time.Duration, error) {
	began := time.Now()
	child, err := m.Begin()
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	return took, child.Close()
}
