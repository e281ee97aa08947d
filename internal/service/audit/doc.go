// Package audit records what a service was asked to do: a record before and one
// after each call of a mutating function, and records of denials. Records go to
// a file, as JSON lines, to the journal, as structured fields, or to both.
//
// # A call
//
//	         Before ok                After ok
//	unknown ───────────► open (runs) ──────────► done
//	   │                     │
//	   │ Before fails        │ After fails
//	   ▼                     ▼
//	refused             owed ──► done, at the next chance
//
// Refused: the call must not run. Each sink that already took the record is told
// so by a done record. Owed: the call ran, the done record waits in memory; until
// it is written, every Before fails.
//
// # A sink
//
// A sink works or has failed. It fails with the first record that it does not
// take, and works again with the first that it takes; each Before tries, and so
// does a timer while something is owed. Nothing has to be restarted.
//
// # Promises
//
//   - No record, no execution: Before returns nil only when every sink has taken
//     the record. Taken means that the kernel has it: it survives this process,
//     not a loss of power; of the journal it means that it is in journald's queue.
//   - What began can be said to be done: Before succeeds only when the file has
//     room for the done records of all open calls, allocated beyond its end. (On
//     a filesystem that cannot allocate, that much must be free, which is weaker:
//     others may take it.) For the journal nothing can be kept; see owed.
//   - A record is one line, written by one write(2), of at most MaxLine bytes.
//     Nothing that a caller sends makes a second line or reaches a terminal: every
//     character that does not print is escaped. A line that was written in part is
//     taken back or, where the file may only be appended to, ended; a torn end
//     that another process left is ended, stays as it is, and is told of by a
//     record behind it.
//   - Denials stop nobody. They are written singly within a rate, beyond that they
//     are counted, by uid, function and rule, and written with their count when a
//     window ends, before the next record of the same uid, and at Flush and Close. Their
//     memory is bounded; what exceeds it, or what a sink does not take, is one
//     count, "others". On a disk with less room than is kept for mutations they
//     are only counted. A failure to write one is nobody's error.
//   - Records of one uid are in the order of the calls of Before, After and
//     Denied, a coalesced one in the place of its last denial.
//
// Not promised: that nobody changes the records later. That is up to the owner of
// the file, root, and to who may read the journal.
package audit
