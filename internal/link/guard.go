package link

import (
	"errors"
	"fmt"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/mux"
)

// guard turns a panic into an error. The types that cross may have methods of
// their own (UnmarshalText, Error, …), and run them in goroutines of the
// link's.
func guard(err *error) {
	if v := recover(); v != nil {
		*err = &panicked{v}
	}
}

// panicked is what a panic was about. The manager is told; a service's client is
// not, which may be anybody.
type panicked struct{ value any }

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// tellable is err as the peer may be told of it.
func (l *Link) tellable(err error) error {
	if _, ok := errors.AsType[*panicked](err); ok && l.cfg.serves() {
		return errPanicked
	}
	return err
}

var errPanicked = errors.New("a method of its own panics")

// decodeAll decodes b, which must hold nothing else, into v. memory is what that
// took beyond b.
func decodeAll(p *codec.Plan, r codec.Rules, b []byte, v any) (memory int64, err error) {
	defer guard(&err)
	rest, memory, err := p.DecodeBy(r, b, v)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes too many", len(rest))
	}
	return memory, err
}

// checkLength keeps what the peer would take for a violation from being sent.
func checkLength(n int) error {
	if n > mux.MaxMessage {
		return fmt.Errorf("it has %d bytes of CBOR with its containers, more than %d", n, mux.MaxMessage)
	}
	return nil
}
