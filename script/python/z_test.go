package python
import ("testing";"os";"github.com/outwork-go/outwork/internal/guest")
func TestDump(t *testing.T) { b:=program(guest.Options{Plain:true}); os.WriteFile("/tmp/boot.py", b, 0o644); t.Log(len(b), len(pack(b))); for k,v:=range sources(){ t.Log(k,len(v),len(pack([]byte(v)))); os.WriteFile("/tmp/src_"+k+".py",[]byte(v),0o644)} }
