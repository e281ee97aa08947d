package install

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"path"
	"slices"
)

// man are the man pages, compressed so that the same page gives the same bytes:
// without a name and a time.
func (p *plan) man() ([]File, error) {
	var files []File
	for _, name := range slices.Sorted(maps.Keys(p.Man)) {
		section, err := section(name)
		if err != nil {
			return nil, err
		}
		data, err := compress(p.Man[name])
		if err != nil {
			return nil, fmt.Errorf("install: man page %s: %w", name, err)
		}
		files = append(files, File{Path: p.below("share/man/man"+section, name+".gz"), Data: data, Mode: 0o644})
	}
	return files, nil
}

// section is the digit that a page's name ends in.
func section(name string) (string, error) {
	if err := plain("name of the man page", name, nameBytes); err != nil {
		return "", fmt.Errorf("install: %w", err)
	}
	ext := path.Ext(name)
	if len(ext) != 2 || ext[1] < '1' || ext[1] > '9' || len(name) == len(ext) {
		return "", fmt.Errorf(`install: the man page %q does not end in its section, as "hostctl.1" does`, name)
	}
	return ext[1:], nil
}

func compress(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// completions are the completions, where each shell loads them from by the
// command's name.
func (p *plan) completions() ([]File, error) {
	var files []File
	for _, shell := range slices.Sorted(maps.Keys(p.Completions)) {
		data := p.Completions[shell]
		switch shell {
		case "bash":
			files = append(files, File{Path: p.below("share/bash-completion/completions", p.Name), Data: data, Mode: 0o644})
		case "fish":
			files = append(files, File{Path: p.below("share/fish/vendor_completions.d", p.Name+".fish"), Data: data, Mode: 0o644})
		case "zsh":
			files = append(files, p.zsh(data)...)
		default:
			return nil, fmt.Errorf("install: no place is known for completions of the shell %q", shell)
		}
	}
	return files, nil
}

// zsh looks into site-functions, but Debian's only below /usr/local: below /usr
// it has a directory of another name.
func (p *plan) zsh(data []byte) []File {
	files := []File{{Path: p.below("share/zsh/site-functions/_" + p.Name), Data: data, Mode: 0o644}}
	if p.Prefix == DefaultPrefix {
		files = append(files, File{
			Path: p.below("share/zsh/vendor-completions/_" + p.Name),
			Link: "../site-functions/_" + p.Name, Mode: 0o777,
		})
	}
	return files
}
