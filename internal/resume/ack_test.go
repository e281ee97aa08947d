package resume

import (
	"bytes"
	"testing"

	"github.com/outwork-go/outwork/internal/mux"
	"github.com/outwork-go/outwork/internal/transport"
)

// reception is a Conn that is sent raw records, and what it answers.
type reception struct {
	c     *Conn
	other mux.Transport
}

func newReception(t *testing.T) *reception {
	t.Helper()
	ours, other := transport.Pair()
	c := New(Config{})
	if err := c.Attach(ours, 0); err != nil {
		t.Fatal(err)
	}
	c.pushers.Wait() // from then on who sends does it itself
	t.Cleanup(func() {
		c.Close()
		other.Close()
	})
	return &reception{c, other}
}

// gets has it receive n bytes, without a wait.
func (r *reception) gets(t *testing.T, n int) {
	t.Helper()
	b := make([]byte, 32<<10)
	for n > 0 {
		k := min(n, len(b))
		if err := transport.SendAll(r.other, [][]byte{header(nil, data, k), b[:k]}, nil); err != nil {
			t.Fatal(err)
		}
		for n -= k; k > 0; {
			got, _, err := r.c.Recv([][]byte{b})
			if err != nil {
				t.Fatal(err)
			}
			k -= got
		}
	}
}

// says checks what it has sent since it was last asked.
func (r *reception) says(t *testing.T, when string, want ...[]byte) {
	t.Helper()
	var got []byte
	for b := make([]byte, 1<<10); ; {
		n, _, err := r.other.Recv([][]byte{b})
		if err == mux.ErrAgain {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b[:n]...)
	}
	if all := bytes.Join(want, nil); !bytes.Equal(got, all) {
		t.Errorf("%s: it says %x, not %x", when, got, all)
	}
}

// An ACK goes with what is sent anyway, or else before this side waits; it is not put off
// for more than twice what is much.
func TestAckGoesAlong(t *testing.T) {
	r := newReception(t)
	r.gets(t, ackEvery+1)
	r.says(t, "much has come")
	if _, err := r.c.Send([][]byte{{7}}, nil); err != nil {
		t.Fatal(err)
	}
	r.says(t, "it sends", count(nil, ack, ackEvery+1), header(nil, data, 1), []byte{7})

	r.gets(t, ackEvery-1)
	r.c.Wake()
	r.c.Poll()
	r.says(t, "it waits, and not much has come")
	r.gets(t, 1)
	r.says(t, "much has come again")
	r.c.Wake()
	r.c.Poll()
	r.says(t, "it waits", count(nil, ack, 2*ackEvery+1))

	r.gets(t, 2*ackEvery)
	r.says(t, "twice as much has come", count(nil, ack, 4*ackEvery+1))
}
