package gate

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"github.com/outwork-go/outwork/internal/channel"
	"github.com/outwork-go/outwork/internal/resume"
)

// BenchmarkHeld shows what a gate holds for each host that has joined and is idle: another
// process dials.
func BenchmarkHeld(b *testing.B) {
	for name, c := range map[string]channel.Config{"keys": {Identity: identity(b)}, "secret": {Secret: []byte(heldSecret)}} {
		b.Run(name, func(b *testing.B) { benchmarkHeld(b, c) })
	}
}

// BenchmarkPending shows what a gate holds for each connection that has not said who it
// is: nothing, or the beginning of a handshake.
func BenchmarkPending(b *testing.B) {
	for name, said := range map[string]string{"silent": "", "half": "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"} {
		b.Run(name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			g := Listen(ln, Config{Channel: channel.Config{Identity: identity(b)}, Log: slog.New(slog.DiscardHandler)})
			defer g.Close()
			before := heldNow()
			conns := make([]net.Conn, heldHosts)
			for i := range conns {
				if conns[i], err = net.Dial("tcp", g.Addr().String()); err != nil {
					b.Fatal(err)
				}
				defer conns[i].Close()
				io.WriteString(conns[i], said)
			}
			b.ReportMetric(0, "ns/op")
			heldNow().report(b, before) // with the other ends: a descriptor and some 300 bytes each
		})
	}
}

// report shows what is held for each of heldHosts, above what was before.
func (m heldMemory) report(b *testing.B, before heldMemory) {
	b.ReportMetric(float64(m.heap-before.heap)/heldHosts, "heap-B/host")
	b.ReportMetric(float64(m.stack-before.stack)/heldHosts, "stack-B/host")
	b.ReportMetric(float64(m.goroutines-before.goroutines)/heldHosts, "goroutines/host")
	b.ReportMetric(float64(m.files-before.files)/heldHosts, "fds/host")
}

const (
	heldHosts  = 1000
	heldSecret = "sixteen bytes or so"
	heldEnv    = "OUTWORK_TEST_GATE_DIALS" // where to, and by which token
)

func benchmarkHeld(b *testing.B, c channel.Config) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	joined := make(chan *Host, heldHosts)
	g := Listen(ln, Config{Channel: c, Silence: testSilence, Redial: testRedial, Log: slog.New(slog.DiscardHandler), Joined: func(h *Host) { joined <- h }})
	defer g.Close()
	token := ""
	if c.Secret == nil {
		if token, err = g.Token(Pass{Uses: -1}); err != nil {
			b.Fatal(err)
		}
	}
	before := heldNow()
	end := dialMany(b, g.Addr().String(), token)
	for range heldHosts {
		go new(inbox).read((<-joined).Stream)
	}
	heldNow().report(b, before)
	b.ReportMetric(0, "ns/op")
	end()
}

type heldMemory struct{ heap, stack, goroutines, files int }

// heldNow is what is held when all is at rest: until then, buffers come back.
func heldNow() (now heldMemory) {
	for last := -1; now.heap != last; {
		last = now.heap
		for range 3 { // stacks shrink, and pools empty, one by one
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		now.heap, now.stack = int(m.HeapAlloc)&^(1<<16-1), int(m.StackInuse)
	}
	files, _ := os.ReadDir("/proc/self/fd")
	now.goroutines, now.files = runtime.NumGoroutine(), len(files)
	return now
}

// dialMany starts the process that dials, and returns when all have joined.
func dialMany(b *testing.B, address, token string) (end func()) {
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestDialMany$")
	cmd.Env = append(os.Environ(), heldEnv+"="+address+" "+token)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "joined\n" {
		b.Fatalf("the process that dials: %q, %v", line, err)
	}
	return func() {
		in.Close()
		cmd.Wait()
	}
}

// TestDialMany is that process, and no test.
func TestDialMany(t *testing.T) {
	var address, token string
	if n, _ := fmt.Sscan(os.Getenv(heldEnv), &address, &token); n == 0 {
		t.Skip("it is for BenchmarkHeld")
	}
	c := channel.Config{Identity: identity(t)}
	if token == "" {
		c.Secret = []byte(heldSecret)
	}
	for i := range heldHosts {
		d := &Dialler{Addresses: []string{address}, Channel: c, Name: "db" + strconv.Itoa(i), Token: token}
		d.Session = Session{byte(i), byte(i >> 8), 1}
		stream := resume.New(streamConfig)
		go new(inbox).read(stream)
		if _, _, err := d.Join(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println("joined")
	os.Stdin.Read(make([]byte, 1)) // until it is closed
}
