package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/outwork-go/outwork/client"
	"github.com/outwork-go/outwork/internal/filekind"
	"github.com/outwork-go/outwork/internal/service/command"
	"github.com/outwork-go/outwork/internal/service/command/shell"
)

// dial connects the command to the daemon, which must be root's, or with --dev
// the user's own.
func (p *program) dial(ctx context.Context, o command.DialOptions) (any, func(), error) {
	path, d := o.Socket, client.Dialer{}
	if o.Dev {
		d.UID = os.Getuid()
	}
	if path == "" {
		var err error
		if path, err = p.socketPath(o.Dev); err != nil {
			return nil, nil, err
		}
	} else if err := p.checkSocket(strings.TrimPrefix(strings.TrimPrefix(path, "unix:"), "//")); err != nil {
		return nil, nil, err
	}
	conn, err := d.Dial(ctx, path)
	if err != nil {
		return nil, nil, p.undialed(err, path, o)
	}
	return conn, func() { conn.Close() }, nil
}

// checkSocket refuses a path that would be another in another directory.
func (p *program) checkSocket(path string) error {
	if filepath.IsAbs(path) {
		return nil
	}
	return shell.Usagef("--socket is %q, and must be an absolute path, as in %s", path, p.Socket.Path)
}

// undialed is err, of connecting, in a sentence that says what to do.
func (p *program) undialed(err error, path string, o command.DialOptions) error {
	if e, ok := errors.AsType[*client.ImpostorError](err); ok && !o.Dev && int64(e.UID) == int64(os.Getuid()) {
		return shell.Failf(shell.Unavailable, "%v; give --dev if it is yours", err)
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeSocket == 0 {
		return shell.Failf(shell.Unavailable, "%s is %s and not a socket: no daemon can listen there", path, filekind.Of(info.Mode()).Words())
	}
	return shell.Failf(shell.Unavailable, "no daemon listens on %s: start it with %s", path, p.startCommand(o))
}

// startCommand is what starts a daemon that listens where it was looked for.
func (p *program) startCommand(o command.DialOptions) string {
	daemon := p.Name + " daemon"
	if o.Dev {
		daemon += " --dev"
	}
	usual := o.Socket == "" || o.Socket == p.Socket.Path && !o.Dev
	if !usual {
		daemon += " --socket " + o.Socket
	}
	switch {
	case o.Dev:
		return fmt.Sprintf("%q", daemon)
	case !usual:
		return fmt.Sprintf("%q as root", daemon)
	}
	return fmt.Sprintf("%q, or as root with %q", "systemctl start "+p.Daemon, daemon)
}

// socketPath is where the daemon is, or the one of --dev.
func (p *program) socketPath(dev bool) (string, error) {
	if !dev {
		return p.Socket.Path, nil
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if filepath.IsAbs(dir) {
		return filepath.Join(dir, p.Name+".sock"), nil
	}
	wrong := "not set"
	if dir != "" {
		wrong = fmt.Sprintf("%q and no absolute path", dir)
	}
	return "", shell.Usagef("--dev needs a directory of your own in XDG_RUNTIME_DIR, which is %s: log in by a session that sets it, or name a socket with --socket", wrong)
}
