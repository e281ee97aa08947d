package python_test
import ("testing";"time";"os";"os/exec";"sort")
func TestFloor(t *testing.T) {
	var a,b []time.Duration
	for range 40 {
		t0:=time.Now(); exec.Command(os.Getenv("PY"),"-I","-c","pass").Run(); a=append(a,time.Since(t0))
		t0=time.Now(); c:=exec.Command(os.Getenv("PY"),"-I","-c","import os;os.write(1,b'x');os._exit(0)"); p,_:=c.StdoutPipe(); c.Start(); var x [1]byte; p.Read(x[:]); b=append(b,time.Since(t0)); c.Wait()
	}
	for _,x:=range [][]time.Duration{a,b} { sort.Slice(x,func(i,j int)bool{return x[i]<x[j]}); t.Log(x[0],x[len(x)/2]) }
}
