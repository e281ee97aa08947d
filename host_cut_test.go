package outwork

import "testing"

// What is asked is whether there was a cut since, also one that had begun before.
func TestCutSince(t *testing.T) {
	type cuts struct {
		n   uint64
		now bool
	}
	for _, c := range []struct {
		name string
		all  []cuts // when it is made, and each time that it is asked
		want []bool
	}{
		{"none", []cuts{{3, false}, {3, false}}, []bool{false}},
		{"one that is over", []cuts{{3, false}, {4, false}, {4, false}}, []bool{true, false}},
		{"one that lasts", []cuts{{3, false}, {4, true}, {4, true}, {4, false}, {4, false}}, []bool{true, true, true, false}},
		{"one that had begun", []cuts{{4, true}, {4, false}, {4, false}}, []bool{true, false}},
	} {
		i := 0
		ask := cutSince(func() (uint64, bool) {
			i++
			return c.all[i-1].n, c.all[i-1].now
		})
		for j, want := range c.want {
			if got := ask(); got != want {
				t.Errorf("%s: asked %d times: %v", c.name, j+1, got)
			}
		}
	}
}
