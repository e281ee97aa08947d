package main

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/outwork-go/outwork/internal/sshtest"
)

// Over ssh the workers are there, and confined there; the files are read here, and what is
// emitted is written here.
func TestMapOverSSH(t *testing.T) {
	s := newSession(t, sshtest.NewMachine(t, sshtest.Options{Name: "a"}))
	large := make([]byte, 300<<10)
	rand.Read(large)
	s.write("small", []byte("small"))
	s.write("large", large)
	s.write("sum.star", []byte("def main(c):\n    emit('copy', c.slice(0, 5))\n    return [c.size, c.sha256()]"))
	s.write("size.star", []byte("def main(c): return [c.size, c.read(0, 5)]"))
	s.write("size.py", []byte("def main(c): return [c.size, c.read(0, 5)]"))
	// An ordinary user there need not be allowed namespaces; what there is, is enough for this.
	args := []string{"map", "-q", "--ordered", "--workers", "1", "--on", "a", "--allow-reduced"}
	out, _ := s.run(0, nil, append(args, "--out", "out", "sum.star", "small", "large")...)
	sum := sha256.Sum256(large)
	contain(t, out, `{"file":"small","value":[5,`, `{"file":"large","value":[307200,`, fmt.Sprintf(`"emitted":["%x/copy"]`, sum))
	if got, err := os.ReadFile(filepath.Join(s.dir, "out", fmt.Sprintf("%x", sum), "copy")); string(got) != string(large[:5]) {
		t.Errorf("%q: %v", got, err)
	}
	for _, script := range []string{"size.star", "size.py"} {
		out, _ := s.run(0, nil, append(args, script, "small", "large", "small")...)
		contain(t, out, `{"file":"small","value":[5,"c21hbGw="],`, `{"file":"large","value":[307200,"`)
	}
}
