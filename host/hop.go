package host

// Hop is one step on the way to a host: a command line that gives the standard input
// and output of a POSIX shell on the other side. What else it can do it says by being a
// Prompter, an Explainer or a Direct. Its methods may be called by several goroutines.
//
// One that finds the program there by itself may leave the shell out: what its command runs
// is an agent when it calls outwork.Main with OUTWORK_ROLE=agent in its environment, and its
// link is its standard input and output.
type Hop interface {
	// String is its URL, for errors: "ssh://deploy@db1:2222". It never has a password.
	String() string
	// Command is a program and its arguments that run shell there, as
	// exec /bin/sh -c 'shell' does. shell is one line of at most MaxShell bytes
	// without single quotes, exclamation marks and newlines, so that it can stand
	// between single quotes in whatever shell a user has. What the command writes to
	// its standard output before shell does is taken for a banner.
	Command(shell string) []string
}

// MaxShell is the length in bytes of what Hop.Command is given at most.
const MaxShell = 2 << 10

// Prompter is a Hop whose command may have to be told a password.
type Prompter interface {
	Hop
	// Prompt is Command for when Command has ended with exit status 1, and without a
	// shell. Whenever it wants a password it prints prompt to its standard error, which
	// is a word of letters, digits and hyphens, and then takes one line from its
	// standard input, and not a byte more.
	Prompt(shell, prompt string) []string
}

// Direct is a Hop that needs no shell on the other side: what it starts is the agent.
// Command's argument means nothing to it, and no program is sent.
type Direct interface {
	Hop
	Direct()
}

// Explainer is a Hop that knows what it means when its command ends without a shell.
type Explainer interface {
	Hop
	// Explain is given the exit status, -1 if a signal ended the command, and the last
	// lines that it printed. It returns the stage that failed, and why in a few words;
	// "" if it does not know.
	Explain(code int, lines []string) (Stage, string)
}
