package python_test
import ("testing";"time";"os";"os/exec";"sort";"github.com/outwork-go/outwork")
func TestStart(t *testing.T) {
	py:=os.Getenv("PY")
	var m outwork.Manager
	defer m.Close()
	w, _ := m.Start(t.Context(), outwork.Target{Lang: "python", Program: py})
	w.Close()
	var a,b,c []time.Duration
	for range 40 {
		t0:=time.Now(); exec.Command(py,"-I","-c","pass").Run(); a=append(a,time.Since(t0))
		t0=time.Now(); w, err := m.Start(t.Context(), outwork.Target{Lang: "python", Program: py})
		if err!=nil {t.Fatal(err)}
		b=append(b,time.Since(t0))
		w.Run(t.Context(), outwork.Script{Lang: "python", Name: "x.py", Source: "def main(): return 1"})
		c=append(c,time.Since(t0))
		w.Close()
	}
	for _,x:=range [][]time.Duration{a,b,c} { sort.Slice(x,func(i,j int)bool{return x[i]<x[j]}); t.Log(x[0],x[len(x)/2]) }
}
