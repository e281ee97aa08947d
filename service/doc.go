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
// Any Go program calls the functions as it would a worker's:
//
//	conn, err := outwork.Dial(ctx, "unix:///run/hostctl.sock")
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
// as long as the client likes.) A result may hold one too: the daemon hands out
// what only it could open. Containers, readers and streams are no arguments, because what runs
// must be what was decided about.
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
