// Package inmemory is how package outworktest reaches what package outwork does
// not offer to everybody: a worker without a process. It holds one function and
// does nothing itself.
package inmemory

import "context"

// Start starts a worker of manager, an *outwork.Manager, in this process, and
// returns it as an *outwork.Worker; target is an outwork.Target. Package
// outwork sets it when it is initialized, and nobody later.
var Start func(ctx context.Context, manager, target any) (any, error)
