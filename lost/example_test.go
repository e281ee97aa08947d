package lost_test

import (
	"errors"
	"fmt"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/lost"
)

// What a call returned says why its worker was lost, whatever it is wrapped in.
func Example() {
	err := fmt.Errorf("parse a.pdf: %w", &outwork.LostError{Worker: "parser", Cause: lost.Memory})
	switch cause, _ := errors.AsType[lost.Cause](err); cause {
	case lost.Memory, lost.CPU, lost.Time, lost.Output:
		fmt.Println("the file is too much for its limits:", cause)
	case lost.Policy:
		fmt.Println("the file is hostile:", cause)
	case lost.Host:
		fmt.Println("try it elsewhere:", cause)
	}
	fmt.Println(errors.Is(err, lost.Memory), errors.Is(err, lost.Crash))
	// Output:
	// the file is too much for its limits: it was out of memory
	// true false
}
