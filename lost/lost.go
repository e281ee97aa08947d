// Package lost names why workers are lost. What a call returns then is an *outwork.LostError, or
// an *outwork.ProtocolError, in which errors.Is finds the [Cause]:
//
//	switch _, err := f.Call(ctx, w, x); {
//	case errors.Is(err, lost.Memory):
//		…
//
// and errors.AsType[lost.Cause] tells which it is. A worker that this side has closed has none
// (outwork.ErrClosed).
package lost

// Cause is why a worker was lost that was not closed. It is an error, so that errors.Is and
// errors.AsType find it; where its host is lost, that is the first that AsType finds.
type Cause string

// Causes. What a worker says before it ends is believed: it can make a crash look like another
// one, but not like what it was killed for. A confined worker is the first process of its
// namespace, whose abort the kernel ignores: the C library ends it by a fault then, and the signal
// that is told is that (on amd64 a segmentation fault).
const (
	Exit     Cause = "it exited"                                           // by itself, with any status
	Crash    Cause = "it crashed"                                          // of a panic, a fault, an abort
	Killed   Cause = "it was killed"                                       // by a signal that came from nobody here
	Memory   Cause = "it was out of memory"                                // sandbox.Limits.Memory, or the machine's
	CPU      Cause = "it used up its CPU time"                             // sandbox.Limits.CPU
	Time     Cause = "its time was up"                                     // sandbox.Limits.WallTime
	Output   Cause = "it printed and logged more than it may"              // sandbox.Limits.Output
	Policy   Cause = "it tried what its sandbox forbids"                   // SIGSYS
	Overdue  Cause = "killed: a call did not return when it was cancelled" // sandbox.Limits.Grace
	Protocol Cause = "it broke the protocol"                               // found in an *outwork.ProtocolError
	Host     Cause = "its host is lost"                                    // the connection to it broke, nothing came from it for too long, or it tells nothing of the process any more
)

// Error is the cause as a part of a sentence.
func (c Cause) Error() string { return string(c) }
