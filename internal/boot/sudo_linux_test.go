package boot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outwork-go/outwork/host"
)

// fakeSudo takes sudo's options, notes its arguments and environment, and goes on
// with how a test wants it: $n, $S, $p are options, "$@" is the command.
const fakeSudo = `#!/bin/sh
printf '%s\n' "$@" >>"$NOTES"; env >>"$NOTES"
n= S= p=
while :; do
	case $1 in
	-n) n=1;; -S) S=1;; -H) ;;
	-p) p=$2; shift;;
	-u) shift;;
	--) shift; break;;
	*) echo "sudo: unknown option $1" >&2; exit 1;;
	esac
	shift
done
[ -z "$n" ] || { echo "sudo: Ein Passwort ist notwendig" >&2; exit 1; }
`

// asks is a sudo that asks three times.
const asks = `for i in 1 2 3; do
	printf "%s%s" "$before" "$p" >&2
	IFS= read -r word || exit 1
	[ "$word" = sesame ] && { $then; exec "$@"; }
	echo "Das hat nicht funktioniert." >&2
done
echo "sudo: 3 Fehlversuche" >&2
exit 1
`

// sudoer is a place with such a sudo.
func sudoer(t *testing.T, rest string, env ...string) (p *local, notes string) {
	t.Helper()
	bin := t.TempDir()
	notes = filepath.Join(bin, "notes")
	if err := os.WriteFile(filepath.Join(bin, "sudo"), []byte(fakeSudo+rest), 0o755); err != nil {
		t.Fatal(err)
	}
	p = place(t, append(env, "NOTES="+notes)...)
	p.bin = bin
	return p, notes
}

func sudo(t *testing.T) host.Hop {
	t.Helper()
	h, err := ParseHop("sudo://", HopOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// says is an Ask that gives one answer after another.
func says(t *testing.T, answers ...string) Ask {
	return func(_ context.Context, q host.Question) (string, error) {
		if !q.Secret || q.Host != "sudo://root" || q.Text == "" {
			t.Errorf("the question is %+v", q)
		}
		if len(answers) == 0 {
			t.Error("it is asked once too often")
			return "", errors.New("no more")
		}
		a := answers[0]
		answers = answers[1:]
		return a, nil
	}
}

func TestSudoPassword(t *testing.T) {
	for name, before := range map[string]string{"sudo": "", "lecture": "Think before you type.\n\n", "sudo-rs": "[sudo: authenticate] "} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			p, notes := sudoer(t, `before="`+before+`"; then=:; `+asks)
			for _, fresh := range []bool{true, false} {
				o := options()
				o.Ask = says(t, "sesame")
				r := reach(t, p, sudo(t), o)
				if r.Fresh != fresh {
					t.Errorf("got %+v", r)
				}
				echo(t, r, string(o.Ahead()))
				if strings.Contains(strings.Join(r.Lines(), ""), "sesame") {
					t.Errorf("the password is in %q", r.Lines())
				}
			}
			if b, err := os.ReadFile(notes); err != nil || strings.Contains(string(b), "sesame") || !strings.Contains(string(b), "LANGUAGE=en") {
				t.Errorf("%v, or the password is in an argument or the environment:\n%s", err, b)
			}
		})
	}
}

func TestSudoWrongPassword(t *testing.T) {
	settle(t)
	p, _ := sudoer(t, `before= then=:; `+asks)
	o := options()
	o.Ask = says(t, "wrong1") // once is all
	e := fails(t, p, sudo(t), o, host.Authenticate, "sudo://root: authenticate: wrong password")
	if s := e.Error() + strings.Join(e.Lines, ""); strings.Contains(s, "wrong1") {
		t.Errorf("the password is in %q", s)
	}
	o.Tries = 3
	o.Ask = says(t, "wrong1", "wrong2", "sesame")
	echo(t, reach(t, p, sudo(t), o), string(o.Ahead()))
	o.Ask = says(t, "wrong1", "wrong2", "wrong3")
	fails(t, p, sudo(t), o, host.Authenticate)
}

func TestSudoRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, words string }{
		"requiretty":     {"echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1", "requiretty"},
		"not a sudoer":   {`printf %s "$p" >&2; read -r word; echo "it is not in the sudoers file.  This incident will be reported." >&2; exit 1`, "sudoers does not allow"},
		"unknown user":   {"echo 'sudo: unknown user: nobody-here' >&2; exit 1", "there is no user root"},
		"in other words": {"echo 'sudo: nein' >&2; exit 1", "sudo: nein"},
		"no shell":       {"echo 'sudo: /bin/sh: command not found' >&2; exit 127", "no /bin/sh"},
	} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			p, _ := sudoer(t, c.text)
			o := options()
			o.Ask = says(t, "sesame")
			stage := host.Authenticate
			if name == "no shell" {
				stage = host.Shell
			}
			fails(t, p, sudo(t), o, stage, c.words)
		})
	}
}

// A prompt that is not the one that was asked for, or none at all.
func TestSudoAsksOtherwise(t *testing.T) {
	for name, prompt := range map[string]string{"silent": "", "token": "Token: "} {
		t.Run(name, func(t *testing.T) {
			settle(t)
			p, _ := sudoer(t, `printf "`+prompt+`" >&2; read -r word; exec "$@"`)
			o := options()
			o.Stall = 300 * time.Millisecond
			o.Ask = says(t)
			fails(t, p, sudo(t), o, host.Authenticate, "nothing came from it", "asking")
		})
	}
}

func TestSudoNobodyToAsk(t *testing.T) {
	settle(t)
	p, _ := sudoer(t, `before= then=:; `+asks)
	fails(t, p, sudo(t), options(), host.Authenticate, "Ein Passwort ist notwendig", "nobody can be asked")
}

// Who is asked may think for longer than a stall takes, and may refuse, or be
// interrupted.
func TestSudoAsk(t *testing.T) {
	settle(t)
	p, _ := sudoer(t, `before= then=:; `+asks)
	o := options()
	o.Stall = time.Second
	o.Ask = func(ctx context.Context, _ host.Question) (string, error) {
		select {
		case <-time.After(3 * o.Stall / 2):
		case <-ctx.Done():
			t.Error(ctx.Err())
		}
		return "sesame", nil
	}
	ctx := t.Context()
	if r, err := Reach(ctx, p, sudo(t), o); err != nil {
		t.Error(err)
	} else {
		echo(t, r, string(o.Ahead()))
	}
	no := errors.New("not today")
	o.Ask = func(context.Context, host.Question) (string, error) { return "", no }
	if e := fails(t, p, sudo(t), o, host.Authenticate, "not today"); !errors.Is(e, no) {
		t.Error(e)
	}
	o.Ask = func(context.Context, host.Question) (string, error) { return "two\nlines", nil }
	fails(t, p, sudo(t), o, host.Authenticate, "two lines")
	ctx, cancel := context.WithCancel(t.Context())
	o.Ask = func(ctx context.Context, _ host.Question) (string, error) {
		cancel()
		<-ctx.Done()
		return "", ctx.Err()
	}
	if _, err := Reach(ctx, p, sudo(t), o); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Nothing but the password is sent before the shell speaks: sudo would take it for one.
func TestSudoGetsNothingElse(t *testing.T) {
	settle(t)
	p, _ := sudoer(t, `printf "%s" "$p" >&2; IFS= read -r word; [ "$word" = sesame ] || exit 1
if timeout 0.2 head -c 1 >/dev/null; then echo "sudo: there is more" >&2; exit 3; fi; exec "$@"`)
	for range 2 {
		o := options()
		o.Ask = says(t, "sesame")
		r, err := Reach(t.Context(), p, sudo(t), o)
		if err != nil {
			t.Fatal(err)
		}
		echo(t, r, string(o.Ahead()))
	}
}

// within is a hop in a mount namespace of its own.
type within struct {
	host.Hop
	outer *shell
}

func (w within) Command(shell string) []string {
	args := w.outer.Command("sh") // $0
	args[6] = strings.TrimSuffix(args[6], `exec /bin/sh -c "$1"`) + `shift; exec "$@"`
	return append(args, w.Hop.Command(shell)...)
}

// The real ones, as root, who is asked nothing.
func TestRealUsers(t *testing.T) {
	for _, url := range []string{"sudo://nobody", "su://nobody", "sudo://", "su://root"} {
		t.Run(url, func(t *testing.T) {
			scheme, _, _ := strings.Cut(url, ":")
			need(t, scheme, scheme)
			settle(t)
			h, err := ParseHop(url, HopOptions{})
			if err != nil {
				t.Fatal(err)
			}
			o := options()
			r := reach(t, place(t), within{h, private(t, "chmod 755 /mnt").(*shell)}, o)
			if user := strings.HasSuffix(url, "nobody"); user != (r.Dir == "/var/tmp/outwork-65534") {
				t.Errorf("it is in %q", r.Dir)
			}
			echo(t, r, string(o.Ahead()))
		})
	}
}

// asDaemon is a hop of user daemon's, who in a private /etc has the password sesame and
// what conf writes there.
func asDaemon(t *testing.T, h host.Hop, conf string) within {
	t.Helper()
	need(t, "setpriv", "util-linux")
	setup := "shift; mkdir /mnt/etc && cp -a /etc/. /mnt/etc/ && cd /mnt/etc && " + conf +
		"&& chmod 755 /mnt && mount --bind /mnt/etc /etc || exit 99; cd /;" +
		"set -- x setpriv --reuid daemon --regid daemon --clear-groups \"$@\";"
	return within{h, private(t, setup).(*shell)}
}

// The real sudo, with a password.
func TestRealSudoPassword(t *testing.T) {
	need(t, "sudo", "sudo")
	need(t, "perl", "perl")
	const conf = `perl -pi -e 's/^daemon:[^:]*/"daemon:" . crypt("sesame", "\$6\$salt\$")/e' shadow &&
		printf 'Defaults timestamp_timeout=0, lecture=never, env_reset\nroot ALL=(ALL) ALL\ndaemon ALL=(nobody) ALL\n' >sudoers && rm -rf sudoers.d`
	hop := func(t *testing.T, url string) asking {
		h, err := ParseHop(url, HopOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return asking{asDaemon(t, h, conf), h.(host.Prompter), h.(host.Explainer)}
	}
	var heard []host.Question
	answer := func(word string) Ask {
		return func(_ context.Context, q host.Question) (string, error) {
			heard = append(heard, q)
			return word, nil
		}
	}
	t.Run("right", func(t *testing.T) {
		settle(t)
		o := options()
		o.Ask = answer("sesame")
		r := reach(t, place(t), hop(t, "sudo://nobody"), o)
		if r.Dir != "/var/tmp/outwork-65534" || len(heard) != 1 {
			t.Errorf("it is in %q, after %v", r.Dir, heard)
		}
		echo(t, r, string(o.Ahead()))
	})
	t.Run("wrong", func(t *testing.T) {
		settle(t)
		o := options()
		o.Ask = answer("open")
		fails(t, place(t), hop(t, "sudo://nobody"), o, host.Authenticate, "wrong password")
	})
	t.Run("nobody to ask", func(t *testing.T) {
		settle(t)
		fails(t, place(t), hop(t, "sudo://nobody"), options(), host.Authenticate, "password is required", "nobody can be asked")
	})
	t.Run("not allowed", func(t *testing.T) {
		settle(t)
		o := options()
		o.Ask = answer("sesame")
		fails(t, place(t), hop(t, "sudo://"), o, host.Authenticate, "sudoers does not allow this user to run a shell as root")
	})
}

// asking is a hop within another that can ask and explain.
type asking struct {
	within
	p host.Prompter
	host.Explainer
}

func (a asking) String() string                { return a.p.String() }
func (a asking) Command(shell string) []string { return a.within.Command(shell) }

// Prompt is of host.Prompter.
func (a asking) Prompt(shell, prompt string) []string {
	args := a.Command("")
	n := len(a.p.Command(""))
	return append(args[:len(args)-n], a.p.Prompt(shell, prompt)...)
}

// The real doas, which one user may use, and only to become another.
func TestRealDoas(t *testing.T) {
	need(t, "doas", "opendoas")
	const conf = "echo 'permit nopass daemon as nobody' >doas.conf && chmod 600 doas.conf"
	for url, ok := range map[string]bool{"doas://nobody": true, "doas://": false} {
		t.Run(url, func(t *testing.T) {
			settle(t)
			h, err := ParseHop(url, HopOptions{})
			if err != nil {
				t.Fatal(err)
			}
			x := h.(host.Explainer)
			h = asDaemon(t, h, conf)
			if !ok {
				e := fails(t, place(t), explained{h, x}, options(), host.Authenticate, "doas.conf does not allow")
				if e.Code != 1 {
					t.Error(e.Code)
				}
				return
			}
			o := options()
			r := reach(t, place(t), h, o)
			if r.Dir != "/var/tmp/outwork-65534" {
				t.Errorf("it is in %q", r.Dir)
			}
			echo(t, r, string(o.Ahead()))
		})
	}
}

// explained is a hop with the explanations of another.
type explained struct {
	host.Hop
	host.Explainer
}

func (e explained) String() string                { return e.Hop.String() }
func (e explained) Command(shell string) []string { return e.Hop.Command(shell) }

func TestSuIsForRoot(t *testing.T) {
	settle(t)
	need(t, "setpriv", "util-linux")
	rooted(t)
	h, err := ParseHop("su://nobody", HopOptions{})
	if err != nil {
		t.Fatal(err)
	}
	args := h.Command("true")
	outer := &shell{"su://nobody", append([]string{"setpriv", "--reuid", "12345", "--clear-groups"}, args[:len(args)-2]...)}
	e := fails(t, &local{env: place(t).env}, onlyArgs{outer}, options(), host.Shell)
	if s := strings.Join(e.Lines, ""); !strings.Contains(s, "only root may use su://") {
		t.Errorf("got %q", s)
	}
}

// onlyArgs is a hop with a user after the shell's line.
type onlyArgs struct{ *shell }

func (o onlyArgs) Command(line string) []string { return append(o.shell.Command(line), "nobody") }
