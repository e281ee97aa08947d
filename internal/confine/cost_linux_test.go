package confine

import (
	"encoding/json"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// BenchmarkStart is a whole start and end of a worker that does nothing, by its supervisor.
func BenchmarkStart(b *testing.B) {
	for _, level := range []string{None, Contained, Strict} {
		for _, as := range []uint32{0, 65534} {
			if os.Getuid() != 0 && as == 0 {
				continue
			}
			name := level + "/root"
			if as != 0 {
				name = level + "/user"
			}
			b.Run(name, func(b *testing.B) {
				policy, _ := json.Marshal(&Policy{Level: level})
				cmd := exec.Command("/proc/self/exe")
				cmd.Env = append(os.Environ(), "CONFINE_TEST_TIMES=200", roleVariable+"=supervisor", policyVariable+"="+string(policy), actVariable+"=nothing")
				cmd.Stderr = os.Stderr
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: as, Gid: as}}
				out, err := cmd.Output()
				if err != nil {
					b.Fatal(err)
				}
				var ns float64
				json.Unmarshal(out, &ns)
				for b.Loop() {
				}
				b.ReportMetric(ns/1e6, "ms/start")
			})
		}
	}
}
