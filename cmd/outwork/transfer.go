package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/cmd/outwork/internal/place"
	"github.com/outwork-go/outwork/cmd/outwork/internal/program"
	"github.com/outwork-go/outwork/cmd/outwork/internal/tree"
	"github.com/outwork-go/outwork/internal/output"
	"github.com/outwork-go/outwork/internal/service/command/shell"
)

// transfer is what put and get share.
type transfer struct {
	hosts  hostFlags
	screen *screen
	out    io.Writer // for notices
	begun  time.Time
	moved  atomic.Int64 // bytes, of all hosts
}

// mover moves what args name at one place. below is the host's folder, with several.
type mover func(ctx context.Context, w *outwork.Worker, args []string, below string, watch tree.Watcher) (tree.Report, error)

const transferHelp = `Folders are moved with all that is in them. Modes and times of change are kept, owners
are not, nor set-user-ID bits. Links stay links; devices, pipes and sockets are skipped
with a notice. Each file is checked by its SHA-256, and then put in its place at once,
instead of what was there: nobody sees half of it. After a failure, what was complete stays.

Exit status:
  0    all was moved
  1    something could not be read or written; or some of several hosts failed
  2    the command line is wrong, or what put is to copy is not there
  3    a host could not be reached, or was lost
  130  it was interrupted`

func (a *app) putVerb() *cobra.Command {
	var t transfer
	cmd := &cobra.Command{
		Use:   "put [flags] SRC... DEST",
		Short: "Copy files and folders to other hosts",
		Long: `Put copies files and folders of this machine to DEST on the host that --on names, or on
each of --hosts. DEST may be the URL of the place instead, ssh://db1/srv/.

If DEST is a folder there, or ends in a slash, or there are several SRC, they go into it;
else it is the new name of the one SRC. DEST is below the home folder if it is not
absolute.

` + transferHelp,
		Example: `  outwork put --on ssh://db1 site.conf /etc/site/
  outwork put --on db1 --on sudo://root --binaries agents build/ /srv/app
  outwork put --hosts-file fleet --parallel 50 motd /tmp/motd
  outwork put notes.txt ssh://deploy@db1:2222/~/notes.txt`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.put(cmd.Context(), &t, args) },
	}
	a.transferFlags(cmd, &t)
	return cmd
}

func (a *app) getVerb() *cobra.Command {
	var t transfer
	cmd := &cobra.Command{
		Use:   "get [flags] SRC... DEST",
		Short: "Copy files and folders from other hosts",
		Long: `Get copies files and folders of the host that --on names to DEST on this machine. SRC
may be URLs instead, ssh://db1/etc/hosts. With --hosts, what comes from each goes into a
folder of its name in DEST.

If DEST is a folder, or ends in a slash, or there are several SRC, they go into it; else
it is the new name of the one SRC. Whatever a host sends, nothing outside DEST is written,
and in it only what was asked for, by its name. When SRC is ~ or . the host tells the name:
it must not be hidden, nor be there already (but with --hosts).

` + transferHelp,
		Example: `  outwork get --on ssh://db1 /etc/hosts hosts.db1
  outwork get --on db1 --on sudo://root /var/log logs/
  outwork get --hosts db1,db2 /etc/os-release releases
  outwork get ssh://db1/~/notes.txt .`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.get(cmd.Context(), &t, args) },
	}
	a.transferFlags(cmd, &t)
	return cmd
}

func (a *app) transferFlags(cmd *cobra.Command, t *transfer) {
	cmd.Flags().SortFlags = false
	t.hosts.add(cmd, true)
	cmd.Flags().BoolVar(&a.json, "json", false, "print one JSON object, or one for each host, for programs")
}

// put is the verb.
func (a *app) put(ctx context.Context, t *transfer, args []string) error {
	if err := enough(args); err != nil {
		return err
	}
	last := len(args) - 1
	for _, src := range args[:last] {
		if place.IsURL(src) {
			return usage("%s: put reads files of this machine; use outwork get to copy from a host", src)
		}
		if _, err := os.Lstat(src); err != nil {
			return unreadable(src, err)
		}
	}
	if err := t.onURL(args[last:]); err != nil {
		return err
	}
	return a.transfer(ctx, t, args, func(ctx context.Context, w *outwork.Worker, args []string, _ string, watch tree.Watcher) (tree.Report, error) {
		return tree.Put(ctx, w, args[:last], args[last], watch)
	})
}

// get is the verb.
func (a *app) get(ctx context.Context, t *transfer, args []string) error {
	if err := enough(args); err != nil {
		return err
	}
	last := len(args) - 1
	if place.IsURL(args[last]) {
		return usage("%s: get writes to this machine; use outwork put to copy to a host", args[last])
	}
	if err := t.onURL(args[:last]); err != nil {
		return err
	}
	return a.transfer(ctx, t, args, func(ctx context.Context, w *outwork.Worker, args []string, below string, watch tree.Watcher) (tree.Report, error) {
		return tree.Get(ctx, w, args[:last], args[last], below, watch)
	})
}

// enough checks the number of arguments.
func enough(args []string) error {
	switch len(args) {
	case 0:
		return usage("there is nothing to copy: name one or more SRC, and then DEST")
	case 1:
		return usage("there is no destination: name one behind %s", args[0])
	}
	if slices.Contains(args, "") {
		return usage("an empty name is no file")
	}
	return nil
}

// onURL makes paths of args that are URLs, and their host that of the transfer.
func (t *transfer) onURL(args []string) error {
	if !slices.ContainsFunc(args, place.IsURL) {
		return nil
	}
	hop := ""
	for i, arg := range args {
		if !place.IsURL(arg) {
			return usage("%s: it is no URL, and others are: write all of them as URLs, or none", arg)
		}
		f, err := place.ParseFile(arg)
		switch {
		case err != nil:
			return usage("%s: %v", arg, err)
		case len(t.hosts.on) > 0 || t.hosts.many():
			return usage("%s: it names a host, and so do --on and --hosts: write %s", arg, f.Path)
		case hop != "" && hop != f.Hop:
			return usage("%s: it is on another host than %s: copy from one at a time", arg, hop)
		}
		hop, args[i] = f.Hop, f.Path
	}
	t.hosts.on = hopList{hop}
	return nil
}

// transfer moves at all places.
func (a *app) transfer(ctx context.Context, t *transfer, args []string, move mover) error {
	ds, err := t.hosts.destinations()
	if err != nil {
		return err
	}
	var m outwork.Manager
	if err := t.hosts.prepare(&m); err != nil {
		return err
	}
	ctx, stop := shell.Interruptible(ctx)
	defer stop()
	defer suspendable(&m)()
	defer m.Close()
	t.screen, t.begun = newScreen(a.stderr), time.Now()
	defer t.screen.clear()
	t.out = t.screen.stderr(a.stderr)
	if !t.hosts.many() {
		r, err := t.one(ctx, &m, ds[0], "", args, move)
		if err == nil && a.json {
			err = a.printJSON(reportJSON(r))
		}
		return err
	}
	names := workerNames(ds)
	return a.onEach(ctx, ds, int(t.hosts.parallel), func(ctx context.Context, d destination) (map[string]any, error) {
		r, err := t.one(ctx, &m, d, names[d.label], args, move)
		t.screen.clear()
		return reportJSON(r), err
	})
}

func reportJSON(r tree.Report) map[string]any {
	return map[string]any{"files": r.Files, "folders": r.Folders, "links": r.Links, "bytes": r.Bytes}
}

// one moves at one place, in a worker that is gone when it returns.
func (t *transfer) one(ctx context.Context, m *outwork.Manager, d destination, name string, args []string, move mover) (r tree.Report, err error) {
	target := placed(outwork.Target{}, d)
	target.Name = name
	w, err := m.Begin(ctx, target)
	if err != nil {
		return r, ending(ctx, "", 0, &startError{err})
	}
	defer w.Close()
	r, err = move(ctx, w, args, folderOf(name), tree.Watcher{
		Notice: func(text string) { t.notice(d.label, text) },
		Moved:  t.progress,
	})
	if err != nil {
		t.settle(ctx, w)
	}
	return r, transferFailure(ctx, w, d, err)
}

// folderOf is a worker's name as that of a folder.
func folderOf(name string) string {
	if strings.Trim(name, ".") == "" {
		return strings.ReplaceAll(name, ".", "_")
	}
	return strings.NewReplacer("/", "_", `\`, "_").Replace(name)
}

// settle waits for the worker's side of a transfer that failed: it takes away what is
// half written.
func (t *transfer) settle(ctx context.Context, w *outwork.Worker) {
	deadline := time.NewTimer(cleanUp)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for w.Busy() {
		select {
		case <-w.Done():
			return
		case <-deadline.C:
			return
		case <-tick.C:
		}
	}
}

// transferFailure is err with the host, without the function that told it.
func transferFailure(ctx context.Context, w *outwork.Worker, d destination, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = program.Lost(w, err)
	}
	if ctx.Err() != nil || isLost(err) {
		return ending(ctx, "", 0, err)
	}
	text := err.Error()
	if e, ok := errors.AsType[*outwork.RemoteError](err); ok {
		text = e.Message
	}
	if d.label != "" {
		text = d.label + ": " + text
	}
	return &failure{status: statusFailed, Kind: kindOther, Message: text}
}

// notice tells people what was skipped.
func (t *transfer) notice(label, text string) {
	const longest = 4 << 10 // bytes
	text = string(output.Sanitize([]byte(text[:min(len(text), longest)])))
	if label != "" {
		text = label + ": " + text
	}
	fmt.Fprintln(t.out, text)
}

// progress shows how much was moved.
func (t *transfer) progress(n int64, name string) {
	all := t.moved.Add(n)
	if rate := float64(all) / max(time.Since(t.begun).Seconds(), 0.001); t.screen.width > 0 {
		t.screen.show(fmt.Sprintf("%s  %s/s  %s", size(float64(all)), size(rate), name))
	}
}

// size is a number of bytes for people.
func size(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	i := 0
	for ; n >= 999.5 && i < len(units)-1; i++ {
		n /= 1000
	}
	if i == 0 || n >= 99.95 {
		return fmt.Sprintf("%.0f %s", n, units[i])
	}
	return fmt.Sprintf("%.1f %s", n, units[i])
}
