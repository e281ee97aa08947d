// Package boot reaches a host and gets an agent running there: it runs the command
// line of a hop (ssh, sudo, docker exec, …), finds this program under its content hash
// on the other side or sends it there, and hands over a stream of bytes that the agent
// speaks the protocol on. Nothing needs to be installed there but a POSIX shell.
//
// # The conversation
//
// The hop's command is given the stage, a line of POSIX shell (shell/stage.sh), and
// gets on its standard input, before it has said anything, the name and the size of
// the program and then Options.Ahead. What follows depends on what the other side
// says. Everything else that it prints is noise, of which the last lines are kept for
// errors: its own words begin with bytes that are in no text, and with a random word.
//
//	opening   the stage looks into the directories of a cache. The program is there:
//	          it becomes the agent, which reads Ahead and says its preamble → handshake.
//	          It is not there: "miss" and its platform → probe. (It skips Ahead.)
//	probe     There is no program for the platform: an error. It is not Options.Program:
//	          the stage looks for the right one → handshake, or → upload. With
//	          Options.Exec it tells Facts, and gets what that says → handshake.
//	upload    It gets a command line (shell/put.sh) and the program, and nothing behind
//	          it: head may read too far. "dir" tells of a directory that was tried by
//	          writing and executing there. "ok" → execute. "full": the program did not
//	          fit in the directory; it is sent again, for the next one. "fail unpack": it
//	          is sent again without compression. "none": no directory will do → memory.
//	memory    python3 or perl get it, and execute it from memory. "ok" → execute.
//	execute   It gets Ahead again. The preamble → handshake.
//	handshake The preamble is of the right version, all of Ahead was written: done.
//
// A warm start costs no round trip more than the hop's command does alone, a cold one
// costs one, and another platform's program one more. The program is hashed while the hop
// connects. A hop that is a host.Direct has no stage, and what it starts gets Ahead alone.
//
// # Passwords
//
// A hop that is a host.Prompter is first run so that it asks for nothing. If it ends with
// status 1 before the stage has spoken, and Options.Ask is set, it is run once more
// with a random word as its prompt. Only when that appears in its standard error is a
// password asked for and sent, and nothing else is sent before the stage speaks. The
// password is in no argument, no environment, no file, no error. What ssh asks is asked
// through SSH_ASKPASS, for which the Place provides.
//
// # What is trusted
//
// The other side is not: it can only make its own boot fail. It is given at most
// maxNoise bytes of noise, lines of maxLine bytes and maxReplies of them, and
// Options.Stall of silence; what it prints is made safe for a terminal.
//
// On the other side, a program in a cache is executed if it is a regular file of mode
// 0700 and of the right size that belongs to the user, in a directory of mode 0700 that
// does too, neither being a symbolic link: nobody else, root aside, can have put it
// there. Its hash was verified when it was sent. Whatever else has its name is replaced,
// and whatever else has the name of such a directory is passed over.
//
// # Failures
//
// Each is a *host.Error with a host.Stage:
//
//	connect       the command cannot be started (ssh is not installed), or ends as its
//	              Explainer says (255 of ssh: refused, timed out, unknown, host key); or
//	              silence, and nothing was printed
//	authenticate  the Explainer says so (permission denied, not in sudoers, requiretty);
//	              the password was wrong Tries times, was not given, or there is nobody
//	              to ask; or silence after a question, or while a password is expected
//	shell         the command ended, without an Explainer that knows more (no /bin/sh,
//	              nologin); noise without end; words that make no sense; or silence after
//	              something was printed
//	probe         there is no program for the platform; no directory will do, each being
//	              named with its reason; it ended, or silence
//	upload        the program cannot be read here; neither head nor dd is there; it was
//	              cut off; it ended, or silence
//	verify        size or SHA-256 are not what they should be, or it cannot be unpacked
//	execute       it ended after it was told to execute the program
//	handshake     silence after that; a preamble of another version
//
// A context that ends is an error of the stage that it ended, and stays a context's
// error. In each case the command's process group is killed, and nothing of the attempt
// is left when Reach returns, on the other side neither: what was uploaded in part is
// removed there when the connection ends.
//
// Cancellation, stalls and limits are this side's: a host that is cut off ends because
// its standard input does.
package boot
