package link

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestCollectBound: a result, and the argument of a granted call, whose bytes are more than this
// side takes is the end of that call alone, and nothing of it is kept.
func TestCollectBound(t *testing.T) {
	const most = 1 << 20
	each(t, func(t *testing.T, by medium) {
		nothingLeft(t)
		took := 0
		ask := function("ask", func(_ context.Context, a everything) (int, error) { took++; return len(a.Data), nil })
		f := all(func(ctx context.Context, a everything) (everything, error) {
			if a.N < 0 {
				v, err := From(ctx).Back(ctx, ask, &everything{Data: make([]byte, -a.N)})
				if err != nil {
					return everything{}, fmt.Errorf("asked: %w", err)
				}
				return everything{N: *v.(*int)}, nil
			}
			return everything{Data: make([]byte, a.N)}, nil
		})
		m, w := pair(t, by, []*Function{f}, Config{Collect: most}, Config{})
		for _, n := range []int{most, most + 1, -most, -most - 1, 64 << 20, most} {
			r, err := call[everything, everything](t.Context(), m, f, everything{N: n}, &Call{Grants: map[string]*Function{"ask": ask}})
			if n == most || n == -most {
				if err != nil || max(len(r.Data), r.N) != most {
					t.Errorf("%d: %d bytes, %v", n, len(r.Data), err)
				}
				continue
			}
			if fail, ok := errors.AsType[*Failure](err); !ok || !strings.Contains(fail.Message, "is more than the 1048576") {
				t.Errorf("%d: %v", n, err)
			}
		}
		if took != 1 {
			t.Errorf("%d of the granted calls ran, not 1", took)
		}
		rest(t, m, w)
		if m.Err() != nil || w.Err() != nil {
			t.Error(m.Err(), w.Err())
		}
	})
}
