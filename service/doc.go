// Package service makes a daemon with a typed API, a policy and an audit, and
// the command that calls it, from Go functions.
//
// One program is both. It is written once:
//
//	var SetHostname = outwork.Func("hostname.set", func(ctx context.Context, a HostnameArgs) (HostnameReply, error) {
//		caller := service.Caller(ctx)
//		…
//	})
//
//	func main() {
//		service.Main(service.Service{
//			Name: "hostctl",
//			Doc:  "Change what needs root on this host.",
//			API: []service.Export{
//				{Function: SetHostname, Doc: "Set the host name.", Allow: service.Group("hostctl"), Mutates: true},
//			},
//		})
//	}
//
// and is then
//
//   - the daemon: "hostctl daemon", or the program called "hostd" by a link. It
//     listens on /run/hostctl.sock, or on what systemd hands it;
//   - the command: "hostctl hostname set web1", with flags, help, completion and
//     man pages made from the types and their tags;
//   - what is installed: "hostctl install-files DIR" writes units, policy
//     template, man pages and completions.
//
// "hostctl daemon --dev" tries it out without root, and "hostctl --dev hostname set
// web1" calls it. It serves you alone, and to its policy you are what root is: you
// may what no file denies (of --policy DIR; there are none without it). What others
// may, "hostctl policy explain --dev --dir DIR" tells.
//
// Any Go program calls the functions as it would a worker's:
//
//	conn, err := client.Dial(ctx, "unix:///run/hostctl.sock")
//	reply, err := SetHostname.Call(ctx, conn, HostnameArgs{Name: "web1"})
//
// # Arguments
//
// An argument is a struct. Its fields' tags are the description that validation,
// flags, help and JSON Schema come from:
//
//	cbor:"name,omitempty"   the name on the wire and of the flag; optional
//	doc:"the new host name" what it is
//	arg:"0", arg:"1..."     a positional argument, and one that takes the rest
//	pattern:"[a-z0-9-]+"    a regular expression that the whole text must match
//	min, max                the range of a number
//	minlen, maxlen          of a text, in characters; of a list, in elements
//	enum:"on,off"           the only values
//	default:"on"            what the command fills in
//	file:"regular,pipe"     the kinds of open file that are taken: also directory, socket, device; regular without it
//	secret:"true"           never recorded, shown, or taken from the command line
//
// A field may be an open file (*os.File): the client hands in what it was able
// to open. (A function that takes pipes, sockets or devices must not read them
// without a deadline: it would hold its user's turn, and the daemon's end, for
// as long as the client likes. A regular file may be one of a FUSE file system of the
// client's, which takes as long as that likes to be read, looked at or closed, and
// knows no deadline; it can also keep the daemon's process from ending. A service
// of which no function takes a file is safe from that.) A result may hold one too: the daemon hands out
// what only it could open. Containers, readers and streams are no arguments, because what runs
// must be what was decided about.
//
// A field is a flag of the command, or with arg a positional argument: true or
// false for a bool, repeated for a list, KEY=VALUE for a map, JSON for a struct,
// 1m30s for a duration, a path that the command opens for a file. A secret is
// read from a file (--password-file), or asked for on a terminal; JSON that holds
// one is read from a file, too (@FILE, and KEY=@FILE for a map). What is wrong is one
// sentence on standard error and an exit status, which the help lists; with --json it is
// {"error": {"kind", "message"}} on standard output.
//
// # Calls back
//
// A function may ask its client for what only the user's session has, while it
// runs. It says so in Asks, and calls as it would anybody:
//
//	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
//	defer cancel()
//	r, err := core.Confirm.Call(ctx, call.Back(ctx), core.ConfirmArgs{Question: "Really?"})
//
// The generated command grants what Asks names, if the program has it (a program
// that only declares the function cannot). Any other client grants it with
// [call.WithGrants]. What comes back is a stranger's word: validate it. A
// function that is called back must heed its context.
//
// # Workers
//
// What a client hands in may be made to break what reads it, and a daemon has more to lose
// than others. A function may start workers, of this same program, and leave the reading to one
// that is confined (package sandbox): Main calls outwork.Main first, Start is where a manager or
// a pool begins, and Needs.Sandboxes keeps the unit open for it. One worker for each call costs
// some milliseconds, and keeps what one user's file has taken over from the next one's:
//
//	w, err := manager.Start(ctx, outwork.Target{Sandbox: sandbox.Config{Level: sandbox.Strict}})
//	if err != nil {
//		return reply, err
//	}
//	defer w.Close()
//	return core.Parse.Call(ctx, w, content)
//
// examples/scand does all of it. The worker's result is a stranger's word still: it may be wrong, but
// not more than that.
//
// # The policy
//
// Code says who may call ([Export].Allow); the administrator's files come first,
// by name: /etc/hostctl/policy.d/*.yaml, of root and writable by nobody else.
//
//	rules:
//	  - function: hostname.set
//	    allow: {group: netadmin}
//	  - functions: [sysctl.*, port.listen]
//	    deny: {user: guest}
//
// The first rule that matches the caller decides. A condition is anyone: true, a
// user, uid, group, gid or polkit action; a list is any of them, all: [...] all of
// them. "hostctl policy explain --user guest sysctl.set" says what comes of it, by
// which line, and SIGHUP makes the daemon read the files again.
//
// # Promises to clients
//
// "hostctl describe --lock" prints the API as a lock file (api.lock.json), and
// "hostctl describe --diff api.lock.json" fails when a change would break clients
// or let more people in. Keep it beside the source, and run it in a test, as
// examples/hostctl does. Package outworktest serves a service in the process of a
// test, to users that the test makes up.
//
// # What happens to a call
//
// In this order: it waits for its turn among its user's calls; the policy
// decides, by the kernel's word at connect, and nothing that the client says;
// the arguments are validated; polkit is asked, if the rule wants that; a
// record is written, if the function mutates; the function runs; a second
// record is written; the result leaves. What fails on the way ends there: the
// client gets a [*DeniedError], [*InvalidError], [*BusyError] or
// [*InternalError]. A panic in a function is logged with the call's request id,
// and the client is told the id and nothing else.
//
// SECURITY.md says who is trusted with what, PROTOCOL.md what crosses.
package service
