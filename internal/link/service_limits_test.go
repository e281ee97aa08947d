package link

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// TestServiceParts: long arguments of many callers take their turns, whatever they
// consist of.
func TestServiceParts(t *testing.T) {
	type many struct{ A, B, C []byte }
	both(t, func(t *testing.T, by medium) {
		f := function("many", func(_ context.Context, m many) (many, error) { return m, nil })
		long := function("long", func(_ context.Context, s []string) (int, error) { return len(s), nil })
		client, server := served(t, by, Config{}, f, long)
		var wg sync.WaitGroup
		for i := range 24 {
			wg.Go(func() {
				a := many{bytes.Repeat([]byte{1}, 40<<10), bytes.Repeat([]byte{2}, i*12<<10), bytes.Repeat([]byte{3}, 600<<10*(i%2))}
				r, err := call[many, many](t.Context(), client, f, a, nil)
				if err != nil || !bytes.Equal(r.A, a.A) || !bytes.Equal(r.B, a.B) || !bytes.Equal(r.C, a.C) {
					t.Error(i, err)
				}
				words := []string{strings.Repeat("a", 100<<10), strings.Repeat("b", 700<<10)}
				if n, err := call[[]string, int](t.Context(), client, long, words, nil); n != 2 || err != nil {
					t.Error(i, n, err)
				}
			})
		}
		wg.Wait()
		rest(t, client, server)
		for _, tooLong := range []many{{A: make([]byte, 1<<20+1)}, {A: make([]byte, 600<<10), B: make([]byte, 600<<10)}} {
			_, err := call[many, many](t.Context(), client, f, tooLong, nil)
			if fail, ok := errors.AsType[*Failure](err); !ok || fail.Code != CodeMismatch || !strings.Contains(fail.Message, "than the 1048576 bytes that this service takes") {
				t.Error(err)
			}
		}
		_, err := call[[]string, int](t.Context(), client, long, []string{strings.Repeat("a", 3<<20)}, nil)
		if fail, ok := errors.AsType[*Failure](err); !ok || fail.Code != CodeMismatch || !strings.Contains(fail.Message, "1048576 bytes of CBOR") {
			t.Error(err)
		}
		rest(t, client, server)
	})
}

// TestServiceTooManyParts: a call that needs more streams than there are says so.
func TestServiceTooManyParts(t *testing.T) {
	type two struct{ A, B []byte }
	f := function("two", func(_ context.Context, _ two) (int, error) { return 0, nil })
	client, server := served(t, byMemory, Config{Limits: Limits{Streams: 2}}, f)
	_, err := call[two, int](t.Context(), client, f, two{make([]byte, 40<<10), make([]byte, 40<<10)}, nil)
	if err == nil || !strings.Contains(err.Error(), "two.B: the other side allows 2 streams") {
		t.Error(err)
	}
	rest(t, client, server)
}

// TestServiceLongAnswers: what a call back may bring.
func TestServiceLongAnswers(t *testing.T) {
	type text struct{ Text string }
	both(t, func(t *testing.T, by medium) {
		read := function("read", func(_ context.Context, size int) (text, error) { return text{strings.Repeat("x", size)}, nil })
		list := function("list", func(_ context.Context, size int) ([]string, error) { return []string{strings.Repeat("x", size)}, nil })
		f := function("f", func(ctx context.Context, a [2]int) (int, error) {
			_, err := From(ctx).Back(ctx, []*Function{read, list}[a[0]], &a[1])
			return 0, err
		})
		client, server := served(t, by, Config{}, f)
		grants := map[string]*Function{"read": read, "list": list}
		for _, c := range []struct {
			size int
			ok   bool
		}{{10, true}, {100 << 10, true}, {1<<20 - 100, true}, {1<<20 + 1, false}, {3 << 20, false}} {
			for which := range 2 {
				_, err := call[[2]int, int](t.Context(), client, f, [2]int{which, c.size}, &Call{Grants: grants})
				if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "is longer than the 1048576 bytes that this service takes") {
					t.Error(c.size, which, err)
				}
			}
		}
		rest(t, client, server)
	})
}

// TestServiceDecodedMemory: what arguments take while their calls run is bounded
// for all of them.
func TestServiceDecodedMemory(t *testing.T) {
	release := make(chan bool)
	f := function("f", func(_ context.Context, words []string) (int, error) { <-release; return len(words), nil })
	f.Async = true
	client, server := served(t, byMemory, Config{}, f)
	words := make([]string, 20<<10) // 320 KiB of headers
	done := make(chan error)
	go func() {
		_, err := call[[]string, int](t.Context(), client, f, words, nil)
		done <- err
	}()
	for server.running() == 0 {
		if _, err := call[[]string, int](t.Context(), client, function("none", func(context.Context, []string) (int, error) { return 0, nil }), nil, nil); err == nil {
			t.Fatal("it is there")
		}
	}
	_, err := call[[]string, int](t.Context(), client, f, words, nil)
	if fail, ok := errors.AsType[*Failure](err); !ok || fail.Code != CodeRefused || !strings.Contains(err.Error(), "take 320 KiB of the 512") {
		t.Error(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := call[[]string, int](t.Context(), client, f, words, nil); err != nil {
		t.Error(err)
	}
	rest(t, client, server)
}

// TestServiceUntakenResults: a client that gives no credit for its results is not
// served for ever.
func TestServiceUntakenResults(t *testing.T) {
	nothingLeft(t)
	long := function("long", func(context.Context, order) (string, error) { return strings.Repeat("x", 400<<10), nil })
	l, r := greeted(t, mux.WorkerSide, append(serviceFunctions(), long), Config{Service: true})
	replies := 0
	for i := range uint32(2*ServiceStreams + 1) {
		r.open(2*i+1, frame.CallFunction, calling("long", smallOrder))
		for {
			h, payload, ok := r.next()
			if !ok {
				t.Fatal(l.Err())
			}
			if h.Handle == frame.Error {
				var f failure
				if err := failurePlan.only(payload, &f, "ERROR"); err != nil || f.Code != CodeRefused || !strings.Contains(f.Text, "32 calls of this link run, or have results that were not taken") {
					t.Error(err, f)
				}
				break
			}
			if h.Handle == frame.Reply {
				replies++
				break
			}
		}
	}
	if replies != 2*ServiceStreams {
		t.Errorf("%d were answered with a result", replies)
	}
}

// TestServiceCallTime: a client's deadline is cut.
func TestServiceCallTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := function("left", func(ctx context.Context, _ int) (time.Duration, error) {
			d, _ := ctx.Deadline()
			return time.Until(d), nil
		})
		client, server := served(t, byMemory, Config{Limits: Limits{CallTime: time.Minute}}, f)
		defer server.Close()
		defer client.Close()
		for asked, want := range map[time.Duration]time.Duration{time.Second: time.Second, time.Hour: time.Minute} {
			ctx, cancel := context.WithTimeout(t.Context(), asked)
			if got, err := call[int, time.Duration](ctx, client, f, 0, nil); got != want || err != nil {
				t.Error(got, err)
			}
			cancel()
		}
		if got, err := call[int, time.Duration](t.Context(), client, f, 0, nil); got != time.Minute || err != nil {
			t.Error(got, err)
		}
	})
}

// TestServiceStalls: what is begun and does not go on.
func TestServiceStalls(t *testing.T) {
	more := frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.More}
	for name, do := range map[string]func(r *raw){
		"half a header":           func(r *raw) { r.write([]byte{0, 0, 0, 5}) },
		"a frame without its end": func(r *raw) { r.write([]byte("\x00\x00\x00\x05\x00\x00\x00\x01\x01\x10\x01\x00abc")) },
		"a long frame, byte by byte": func(r *raw) {
			r.write([]byte("\x00\x00\x60\x00\x00\x00\x00\x01\x01\x10\x01\x00"))
			for range 30 {
				time.Sleep(time.Second)
				r.write([]byte{0})
			}
		},
		"a message without its end":           func(r *raw) { r.frame(more, calling("take", nil)) },
		"a BULK stream that no message names": func(r *raw) { r.open(1, frame.Bulk, nil) },
		"a part that does not come": func(r *raw) {
			r.open(1, frame.Bulk, nil)
			r.open(3, frame.CallFunction, calling("take", smallOrder, part{Field: orderData, Kind: partBytes, Stream: 1, Size: 3}))
		},
		"the rest of what was refused": func(r *raw) {
			r.frame(more, calling("take", make([]byte, 50<<10)))
			r.until(frame.Message, frame.Error)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, r := attacked(t, Config{Limits: Limits{Argument: 20 << 10}})
				began := time.Now()
				do(r)
				if rule := ends(t, l); rule != "stall" {
					t.Fatal(l.Err())
				}
				if d := time.Since(began); name != "a long frame, byte by byte" && (d < ServiceStall || d > 3*ServiceStall/2) {
					t.Error("after", d)
				}
				l.Close()
				r.close()
			})
		})
	}
}

// TestServiceDoesNotStall: what takes long, and is no stall.
func TestServiceDoesNotStall(t *testing.T) {
	const slow = 3 * ServiceStall / 4
	more := frame.Header{Stream: 1, Kind: frame.Open, Handle: frame.CallFunction, Flags: frame.More}
	for name, do := range map[string]func(l *Link, r *raw){
		"idle": func(*Link, *raw) { time.Sleep(time.Hour) },
		"a call that runs": func(_ *Link, r *raw) {
			r.open(1, frame.CallFunction, calling("hang", smallOrder))
			time.Sleep(time.Hour)
		},
		"pieces, slowly": func(_ *Link, r *raw) {
			r.frame(more, calling("take", nil))
			h := frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.CallFunction, Flags: frame.More}
			for _, b := range smallOrder {
				time.Sleep(slow)
				r.frame(h, []byte{b})
			}
			h.Flags = frame.End
			r.frame(h, nil)
			r.until(frame.Message, frame.Reply)
		},
		"frames, each of two halves": func(_ *Link, r *raw) {
			ping := control(frame.Ping, []byte("hello"))
			for range 5 {
				r.write(ping[:5])
				time.Sleep(slow)
				r.write(ping[5:])
				r.until(frame.Message, frame.Pong)
			}
		},
		"a turn that does not come": func(l *Link, r *raw) {
			r.open(1, frame.Bulk, nil)
			r.open(3, frame.CallFunction, calling("hang", smallOrder, part{Field: orderData, Kind: partBytes, Stream: 1, Size: 30 << 10}))
			r.until(frame.Credit, 0)
			r.data(1, make([]byte, 30<<10), frame.End)
			r.open(5, frame.Bulk, nil)
			r.open(7, frame.CallFunction, calling("take", smallOrder, part{Field: orderData, Kind: partBytes, Stream: 5, Size: ServiceArgument - 100}))
			time.Sleep(time.Hour)
			r.reset(3) // its share is free now
			r.until(frame.Credit, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, r := attacked(t, Config{})
				do(l, r)
				synctest.Wait()
				if err := l.Err(); err != nil {
					t.Fatal(err)
				}
				l.Close()
				r.close()
			})
		})
	}
}

// TestServiceSlowHandshake: one byte now and then does not keep a link.
func TestServiceSlowHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := against(t, mux.WorkerSide, nil, Config{Service: true})
		for _, b := range frame.Preamble() {
			r.write([]byte{b})
			time.Sleep(ServiceStall)
		}
		if rule := ends(t, l); rule != "handshake" {
			t.Fatal(l.Err())
		}
		l.Close()
		r.close()
	})
}
