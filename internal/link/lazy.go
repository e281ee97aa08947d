package link

import (
	"reflect"
	"sync/atomic"

	"github.com/outwork-go/outwork/internal/codec"
)

// lazy is a message's plan, made when it is first needed: a process that starts
// pays only for what it says.
type lazy[T any] struct{ p atomic.Pointer[codec.Plan] }

func (l *lazy[T]) plan() *codec.Plan {
	p := l.p.Load()
	if p == nil {
		p = plan[T]()
		l.p.Store(p)
	}
	return p
}

func (l *lazy[T]) keyed() bool { return reflect.TypeFor[T]() == reflect.TypeFor[Hello]() }
