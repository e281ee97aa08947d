package link

import (
	"context"
	"fmt"
)

// Back calls f at the caller of the call that in is. It must have been granted.
func (in *Incoming) Back(ctx context.Context, f *Function, args any) (any, error) {
	if !in.Granted(f.Name) {
		return nil, &Failure{Code: CodeRefused, Message: fmt.Sprintf("the call of %q was not granted %q; %s", in.fn.Name, f.Name, listed("its grants", in.grants))}
	}
	if !in.openBack() {
		return nil, &Failure{Code: CodeRefused, Message: fmt.Sprintf("the call of %q is over, and what it was granted with it", in.fn.Name)}
	}
	if from(ctx) != in {
		ctx = within{ctx, in}
	}
	return in.l.Call(ctx, f, args, &Call{opened: in.opening.Done})
}

// openBack keeps the result from overtaking a call back, or progress, until that
// has been sent. It is false when the result has left.
func (in *Incoming) openBack() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.bare {
		return false
	}
	in.opening.Add(1)
	return true
}

// within is ctx as a part of the call in.
type within struct {
	context.Context
	in *Incoming
}

func (w within) Value(key any) any {
	if key == (incomingKey{}) {
		return w.in
	}
	return w.Context.Value(key)
}
