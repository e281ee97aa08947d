package host

import (
	"strconv"
)

// Stage is how far a boot has come.
type Stage int

// The stages, in order.
const (
	Connect      Stage = iota + 1 // the hop's command reaches the other side
	Authenticate                  // who is asked there agrees
	Shell                         // a shell there begins
	Probe                         // it says what there is
	Upload                        // the program is sent
	Verify                        // what arrived is what was sent
	Execute                       // it is started
	Handshake                     // it begins to speak the protocol
)

var stages = [...]string{"", "connect", "authenticate", "shell", "probe", "upload", "verify", "execute", "handshake"}

// String is the stage's name, as in errors.
func (s Stage) String() string {
	if s < 0 || int(s) >= len(stages) {
		return "stage " + strconv.Itoa(int(s))
	}
	return stages[s]
}
