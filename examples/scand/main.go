// Scand tells any user what a file is, and lets no file break it. As scand, or with the word
// daemon, it is the daemon, which runs as root; otherwise the command: "scan FILE".
//
// The command opens the file, as its user, and hands it in. The daemon keeps a copy that nobody
// can change, and has it read by a worker of its own for each call, which can do nothing but
// that: no files, no network, no processes. What is told comes back as a typed report, and a
// file that its worker did not survive as a typed error.
package main

import "github.com/outwork-go/outwork/service"

func main() { service.Main(scan) }
