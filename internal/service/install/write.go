package install

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxFile is the size of a file that can be installed, in bytes.
const maxFile = 512 << 20

// Report is what an installation did, as paths of files.
type Report struct {
	Wrote []string // files and links, in the order in which they were written
	Kept  []string // configuration that somebody had changed, and that stays as it is

	Version string // of the package; "" where none was asked for, NoVersion where the service has none
}

// Why a file is not overwritten.
var (
	errForeign = errors.New("it is there, and install-files has not written it")
	errChanged = errors.New("it was changed since install-files wrote it: move it away")
)

// Write writes files below the directory dir, which is made if it is missing,
// and a manifest of what it wrote, in the format of sha256sum, by which the next
// Write knows its own. It refuses before it writes anything when one of the files
// exists and is neither of a Write nor what would be written; configuration is
// left alone then. Nothing outside of dir is touched, whatever links there are in
// it. Each file appears whole or not at all; the directories that are missing are
// made with mode 0755. All files get the time modified.
func Write(dir, manifest string, files []File, modified time.Time) (Report, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Report{}, fmt.Errorf("install: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Report{}, fmt.Errorf("install: %w", err)
	}
	defer root.Close()
	w := writer{root: root, dir: dir, manifest: manifest, modified: modified}
	if err := w.write(files); err != nil {
		return w.report, fmt.Errorf("install: %w", err)
	}
	return w.report, nil
}

// writer is one Write.
type writer struct {
	root     *os.Root
	dir      string // of root, for messages
	manifest string // path of the manifest below dir
	modified time.Time
	report   Report
}

func (w *writer) write(files []File) error {
	files, err := load(files)
	if err != nil {
		return err
	}
	before, err := w.readSums()
	if err != nil {
		return err
	}
	mine, err := w.mine(files, before)
	if err != nil {
		return err
	}
	// Until all is written, the manifest knows the old files and the new ones:
	// what stops half way can be done again.
	after := sumsOf(mine)
	if err := w.writeSums(before, after); err != nil {
		return err
	}
	for i := range mine {
		if err := w.put(&mine[i]); err != nil {
			return err
		}
		w.report.Wrote = append(w.report.Wrote, w.full(mine[i].Path))
	}
	if err := w.writeSums(after); err != nil {
		return err
	}
	w.report.Wrote = append(w.report.Wrote, w.full(w.manifest))
	return nil
}

// load reads what files take from elsewhere.
func load(files []File) ([]File, error) {
	loaded := make([]File, len(files))
	for i, f := range files {
		if f.Source != "" {
			data, err := readSource(f.Source)
			if err != nil {
				return nil, err
			}
			f.Data, f.Source = data, ""
		}
		loaded[i] = f
	}
	return loaded, nil
}

func readSource(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}

func readAll(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", f.Name())
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s is larger than %d MiB", f.Name(), maxFile>>20)
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// mine are the files that may be written. It fails when one must not be.
func (w *writer) mine(files []File, before sums) ([]File, error) {
	var mine []File
	for _, f := range files {
		err := w.check(&f, before)
		switch {
		case f.Config && (errors.Is(err, errForeign) || errors.Is(err, errChanged)):
			w.report.Kept = append(w.report.Kept, w.full(f.Path))
		case err != nil:
			return nil, fmt.Errorf("%s: %w", w.full(f.Path), err)
		default:
			mine = append(mine, f)
		}
	}
	return mine, nil
}

// check returns errForeign or errChanged when what is in a file's place must stay.
func (w *writer) check(f *File, before sums) error {
	info, err := w.root.Lstat(local(f.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case f.Link != "":
		return w.checkLink(f, info)
	case !info.Mode().IsRegular():
		return errForeign
	}
	existing, err := w.root.Open(local(f.Path))
	if err != nil {
		return err
	}
	defer existing.Close()
	data, err := readAll(existing)
	if err != nil {
		return err
	}
	switch {
	case bytes.Equal(data, f.Data), before[sumLine(f.Path, data)]:
		return nil
	case !before.tells(f.Path):
		return errForeign
	case strings.Contains(f.Path, "/systemd/system/"):
		return fmt.Errorf("%w, or use a drop-in (systemctl edit)", errChanged)
	}
	return errChanged
}

func (w *writer) checkLink(f *File, info fs.FileInfo) error {
	if info.Mode().Type() != fs.ModeSymlink {
		return errForeign
	}
	to, err := w.root.Readlink(local(f.Path))
	if err == nil && to != filepath.FromSlash(f.Link) {
		err = errForeign
	}
	return err
}

// put writes one file beside its place and moves it there.
func (w *writer) put(f *File) error {
	if err := w.mkdirs(path.Dir(f.Path)); err != nil {
		return err
	}
	temporary := path.Join(path.Dir(f.Path), "."+path.Base(f.Path)+"."+rand.Text())
	err := w.create(temporary, f)
	if err == nil {
		err = w.root.Rename(local(temporary), local(f.Path))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", w.full(f.Path), err), w.discard(temporary))
	}
	return nil
}

func (w *writer) discard(name string) error {
	if err := w.root.Remove(local(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (w *writer) create(name string, f *File) error {
	if f.Link != "" {
		return w.root.Symlink(filepath.FromSlash(f.Link), local(name))
	}
	to, err := w.root.OpenFile(local(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = to.Write(f.Data)
	// The mode is set here: that of OpenFile would be less the umask.
	if err := errors.Join(err, to.Chmod(f.Mode), to.Sync(), to.Close()); err != nil {
		return err
	}
	return w.root.Chtimes(local(name), w.modified, w.modified)
}

// mkdirs makes the directories that are missing.
func (w *writer) mkdirs(name string) error {
	if name == "." {
		return nil
	}
	if info, err := w.root.Stat(local(name)); err == nil && info.IsDir() {
		return nil
	}
	if err := w.mkdirs(path.Dir(name)); err != nil {
		return err
	}
	if err := w.root.Mkdir(local(name), 0o755); err != nil {
		return err
	}
	return w.root.Chmod(local(name), 0o755)
}

func (w *writer) full(name string) string { return filepath.Join(w.dir, local(name)) }

// local is a path as the operating system writes it.
func local(name string) string { return filepath.FromSlash(name) }

// epoch is the time of files when nothing names another: the first that every
// archive can hold.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// modified is the time that files get.
func (o *Options) modified() (time.Time, error) {
	if !o.Modified.IsZero() {
		return o.Modified.UTC(), nil
	}
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return epoch, nil
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("install: SOURCE_DATE_EPOCH=%q is not a number of seconds", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
