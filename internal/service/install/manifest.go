package install

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/outwork-go/outwork/internal/service/api"
)

// maxManifest is the size of a manifest, in bytes.
const maxManifest = 1 << 20

// digest is where a line's digest ends.
const digest = 2 * sha256.Size

// sums are the lines of a manifest: the digest of a file, and its path.
type sums map[string]bool

// manifestPath is where the manifest of a service is written, below the
// destination.
func manifestPath(s *api.Service, o Options) string {
	prefix := o.Prefix
	if prefix == "" {
		prefix = DefaultPrefix
	}
	return relative(prefix, "share", s.Name, "install-files.sha256")
}

// sumLine is a file's line, as sha256sum writes it in the destination. A link
// has none: it tells by itself where it leads.
func sumLine(path string, data []byte) string {
	return fmt.Sprintf("%x  %s", sha256.Sum256(data), path)
}

func sumsOf(files []File) sums {
	s := make(sums)
	for _, f := range files {
		if f.Link == "" {
			s[sumLine(f.Path, f.Data)] = true
		}
	}
	return s
}

// tells reports whether a file was written at path.
func (s sums) tells(path string) bool {
	for line := range s {
		if line[digest:] == "  "+path {
			return true
		}
	}
	return false
}

// readSums reads the manifest of the Write before, if there was one.
func (w *writer) readSums() (sums, error) {
	info, err := w.root.Lstat(local(w.manifest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", w.full(w.manifest), errForeign)
	}
	file, err := w.root.Open(local(w.manifest))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxManifest))
	if err != nil {
		return nil, err
	}
	s := make(sums)
	for line := range bytes.Lines(data) {
		if len(line) > digest {
			s[strings.TrimSuffix(string(line), "\n")] = true
		}
	}
	return s, nil
}

// writeSums writes the manifest.
func (w *writer) writeSums(all ...sums) error {
	lines := make(sums)
	for _, s := range all {
		maps.Copy(lines, s)
	}
	var b strings.Builder
	for _, line := range slices.SortedFunc(maps.Keys(lines), byPath) {
		b.WriteString(line + "\n")
	}
	return w.put(&File{Path: w.manifest, Data: []byte(b.String()), Mode: 0o644})
}

// byPath orders lines by what comes behind the digest, and then by the digest.
func byPath(a, b string) int {
	return strings.Compare(a[digest:]+a, b[digest:]+b)
}
