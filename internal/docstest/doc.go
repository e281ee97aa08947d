// Package docstest holds the test of the guides in docs: it runs each command and program
// that a page shows, in the order of the page, and holds what comes of it against what the
// page says. It has no code of its own, and nothing imports it.
//
// # How a page is written
//
// A page is plain Markdown. What its fenced blocks are for is told by their language:
//
//   - sh is commands, run as they stand by one shell for the whole page, so that variables,
//     cd and what runs in the background stay. Any command that fails fails the test.
//   - text, or json without a name, is what the block before it printed, standard output
//     and errors together; what is in between is prose. Without it, anything may be printed.
//   - console is both: a line that begins with "$ " is a command, those below it that begin
//     with "> " go on with it (and one below a line that ends in a backslash), and the rest,
//     up to the next command, is all that it prints. A status that is not 0 must be shown:
//     by "$ echo $?" as the next command.
//   - Any other block that begins with a comment that is a file's name, such as
//     "// main.go" or "# count.star", is that file, written when the page comes to it; for
//     languages without comments, ```json file=policy.json. (Starlark may be called python, for
//     its colours.) A later command of the page has
//     to name it, or a folder that it is in, or for Go to run, build or test that.
//   - go without a name is a part of a program, and has to stand so in a file of this
//     repository: ```go from=examples/scand/main.go (or from= a file of the page). Blank
//     lines and how far it is indented do not matter.
//   - mermaid, what has no language, and whatever has the word figure behind it, is for the
//     eye. Commands must not look so.
//
// In what is printed, "…" stands for anything within a line, and a line that is nothing
// else for any number of lines.
//
// A block that cannot be run says why, ```sh norun="needs your host", and is listed by
// go test -v; there is a bound on how many there are. Links to files of the repository are
// followed, so that none is dead.
//
// # Where a page runs
//
// In an empty folder, with a HOME and temporary sockets of its own, and outwork in PATH.
// A page with Go has a go.mod there that requires this module. What else it needs it says in
// a comment, which a forge does not show:
//
//	<!-- test: ssh db1 web1 -->    machines of internal/sshtest, by these names for ssh; their
//	                               user deploy may use sudo
//	<!-- test: realm -->           the realm of internal/realm, as root: /run, /etc and /var are
//	                               copies, and alice, bob and carol are there: sudo -u alice
//	<!-- test: clone -->           a folder outwork, which is this repository: for reading, as it
//	                               is no copy. "cd outwork" goes there
//	<!-- test: needs python3 -->   programs without which it cannot run: a test is skipped then,
//	                               and fails under continuous integration
package docstest
