package transport

import (
	"io"
	"os"
	"testing"
	"testing/synctest"

	"github.com/outwork-go/outwork/internal/mux"
)

// pipeFile is an open file, to be passed.
func pipeFile(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { r.Close() })
	return r
}

// The files of one write come with its first byte, and never with another's.
func testFilesInOrder(t *testing.T, a, b mux.Transport) {
	f := pipeFile(t)
	for _, n := range []int{0, 2, 0, 3, 32} {
		files := make([]*os.File, n)
		for i := range files {
			files[i] = f
		}
		if _, err := a.Send([][]byte{{byte(n)}, {1, 2, 3}}, files); err != nil {
			t.Fatal(err)
		}
	}
	var counts []int
	got := 0
	buf := make([]byte, 100)
	for got < 20 {
		if err := b.Poll(); err != nil {
			t.Fatal(err)
		}
		n, files, err := b.Recv([][]byte{buf[:1], buf[1:]})
		if err != nil {
			t.Fatal(err)
		}
		got += n
		if len(files) > 0 {
			counts = append(counts, len(files))
		}
		closeFiles(files)
	}
	if len(counts) != 3 || counts[0] != 2 || counts[1] != 3 || counts[2] != 32 {
		t.Errorf("files came as %v", counts)
	}
}

// testEnd closes one end: the other reads what is left, then the end; and
// cannot write.
func testEnd(t *testing.T, a, b mux.Transport) {
	if _, err := a.Send([][]byte{[]byte("last words")}, nil); err != nil {
		t.Fatal(err)
	}
	a.Stop()
	a.Close()
	buf := make([]byte, 100)
	for want := 10; want > 0; {
		if err := b.Poll(); err != nil {
			t.Fatal(err)
		}
		n, _, err := b.Recv([][]byte{buf})
		if err != nil {
			t.Fatal(err)
		}
		want -= n
	}
	for range 2 { // each time, not only once
		if err := b.Poll(); err != nil {
			t.Fatal(err)
		}
		if n, _, err := b.Recv([][]byte{buf}); n != 0 || err != io.EOF {
			t.Errorf("at the end: %d, %v", n, err)
		}
	}
	if err := b.Park(); err != nil {
		t.Error(err)
	}
	if _, err := b.Send([][]byte{buf}, nil); err == nil || err == mux.ErrAgain {
		t.Errorf("a write to nobody: %v", err)
	}
	b.Stop()
	b.Close()
}

// testWaits wakes each blocking call: by its own wake-up, before or during it,
// by what it waits for, and by Stop.
func testWaits(t *testing.T, a, b mux.Transport) {
	for range 3 {
		b.Wake()
		if err := b.Poll(); err != nil {
			t.Fatal(err)
		}
		for _, park := range []func() error{b.Park, b.Rest, b.Rest} {
			b.Unpark()
			if err := park(); err != nil {
				t.Fatal(err)
			}
		}
	}
	buf := make([]byte, 1<<20)
	if _, _, err := b.Recv([][]byte{buf}); err != mux.ErrAgain {
		t.Fatalf("nothing there: %v", err)
	}
	for _, wait := range []func() error{b.Poll, b.Park, b.Rest, b.Rest, b.Poll, b.Rest} {
		done := make(chan error)
		go func() { done <- wait() }()
		a.Send([][]byte{{1}}, nil)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if n, _, err := b.Recv([][]byte{buf}); n != 1 {
			t.Fatal(n, err)
		}
	}
	sent := 0
	for {
		n, err := a.Send([][]byte{buf}, nil)
		sent += n
		if err == mux.ErrAgain {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() { done <- a.PollSend() }()
	for sent > 0 {
		n, _, err := b.Recv([][]byte{buf})
		if err != nil {
			t.Fatal(err)
		}
		sent -= n
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	go func() { done <- b.Poll() }()
	b.Stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for _, wait := range []func() error{b.Poll, b.Park, b.Rest, b.Poll} { // now and later
		if err := wait(); err != nil {
			t.Fatal(err)
		}
	}
	a.Stop()
	a.Close()
	b.Close()
}

func TestPairFiles(t *testing.T) {
	a, b := Pair()
	testFilesInOrder(t, a, b)
	a.Send([][]byte{{1}}, []*os.File{pipeFile(t)}) // nobody takes it: Close does
	a.Close()
	b.Close()
}

func TestPairEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { a, b := Pair(); testEnd(t, a, b) })
}

func TestPairWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { a, b := Pair(); testWaits(t, a, b) })
}

// A goroutine that parks, and is told to leave, does not take with it the nudge
// that the reader needs.
func TestPairParkLeavesTheNudge(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			a, b := Pair()
			go b.Park()
			synctest.Wait()
			polled := false
			go func() { b.Poll(); polled = true }()
			b.Unpark()
			a.Send([][]byte{{1}}, nil)
			synctest.Wait()
			if !polled {
				t.Error("the reader was not woken")
			}
			b.Stop()
		})
	}
}
