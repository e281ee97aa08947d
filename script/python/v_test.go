package python
import ("testing";"os";"os/exec";"bytes";"strings";"github.com/outwork-go/outwork/internal/guest";"fmt")
func TestStages(t *testing.T) {
	b:=program(guest.Options{})
	s:=string(b)
	s=strings.Replace(s,"os.set_inheritable(3,False)","pass",1);s=strings.Replace(s,"ends=socket(3)","T.append(M());import _socket;T.append(M());ends=(0,0)",1);s=strings.Replace(s,"def boot():\n","def boot():\n from time import monotonic as M\n T=[M()]\n",1)
	s=strings.Replace(s," link=_run.LINK"," T.append(M())\n link=_run.LINK",1)
	s=strings.Replace(s," link.live()"," T.append(M())\n sys.stderr.write(repr([round((y-x)*1e3,2) for x,y in zip(T,T[1:])])+' total since start %.2f\\n'%((M()-START)*1e3))\n sys.exit()",1)
	st:=fmt.Sprintf(strings.Replace(stub, ",zlib", ",time;START=time.monotonic()", 1), 0, len(s), "b")
	st=strings.Replace(st,"'PARTS':b","'PARTS':b,'START':START",1)
	for range 5 {
	c:=exec.Command(os.Getenv("PY"),"-I","-c",st); c.Stdin=bytes.NewReader([]byte(s)); out,err:=c.CombinedOutput(); t.Log(string(out),err)
	}
}
