// Package output carries what worker processes print to their manager's sinks.
//
// A [Capture] holds the read ends of one worker's stdout and stderr pipes and
// hands what it reads to a [Tap]. The taps of all workers belong to one
// [Sink], which joins them into the manager's two writers or its log. What
// goes to a terminal passes a [Sanitizer] on the way.
//
// Ordering: the bytes of one fd of one worker arrive in the order in which
// they were written. [Capture.Drain] returns after everything that was in the
// pipes when it was called has been delivered, so a call's result need never
// overtake its output. Stdout is not ordered against stderr.
//
// Lines: a finished line is delivered at once and never torn by another
// worker's, up to [LineLimit]; a longer one is passed on in pieces.
//
// Blocking: a slow writer blocks the tap that writes to it, hence the capture,
// hence the worker once its pipe is full. Nothing is queued beyond the named
// limits. A writer that fails blocks nothing: the error is kept for
// [Sink.Err] and the output is lost, counted in bytes.
//
// Closing: close the Capture after the worker died, then its Tap. The writers
// of a Sink stay the caller's.
//
// The package does not start, signal or wait for processes, and does not undo
// what a worker did to a terminal by allowed sequences.
package output
