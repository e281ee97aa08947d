package python_test

import (
	"context"
	"testing"
	"time"
	"os"

	"github.com/outwork-go/outwork"
	_ "github.com/outwork-go/outwork/script/python"
)

func TestMain(m *testing.M) { outwork.Main(); os.Exit(m.Run()) }

func TestFirst(t *testing.T) {
	var m outwork.Manager
	defer m.Close()
	for i:=0;i<5;i++{
	began := time.Now()
	w, err := m.Start(t.Context(), outwork.Target{Lang: "python", Program: os.Getenv("PY")})
	if err != nil { t.Fatal(err) }
	a := time.Since(began)
	v, err := w.Run(t.Context(), outwork.Script{Lang: "python", Name: "x.py", Source: "print('hi')\ndef main(): return [1,(2,3),{'a':{1}}]"})
	t.Log(v, err, a, time.Since(began))
	}
	w, _ := m.Start(t.Context(), outwork.Target{Lang: "python", Program: os.Getenv("PY")})
	mod := w.Import("operator")
	for range 3 {
		v, err := mod.Call(t.Context(), "add", 1, 2)
		t.Log(v, err)
	}
	n := 20000
	began := time.Now()
	for range n { mod.Call(t.Context(), "add", 1, 2) }
	t.Log(time.Since(began)/time.Duration(n))
	_, err := w.Import("time").Call(t.Context(), "sleep", "x")
	t.Log(err)
	_, err = w.Run(t.Context(), outwork.Script{Lang: "python", Name: "x.py", Source: "def f():\n  raise ValueError('bad')\nf()"})
	t.Log(err.(*outwork.RemoteError).Stack)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began = time.Now()
	_, err = w.Import("time").Call(ctx, "sleep", 5)
	t.Log(err, time.Since(began), w.Busy())
	time.Sleep(50*time.Millisecond)
	t.Log(w.Busy())
	_, err = mod.Call(t.Context(), "add", 1, 2)
	t.Log(err, w.Err())
}
