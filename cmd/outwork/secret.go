package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/outwork-go/outwork/internal/gate"
)

// Secrets are short.
const (
	maxSecret = 4 << 10 // bytes of a file of a token or key
	minKey    = 16      // bytes of what two sides share
)

// standardInput is what stands for it where a file is named.
const standardInput = "-"

// said is a file as the command line names it: behind a flag, or by itself.
func said(flag, path string) string {
	switch {
	case flag == "" && path == standardInput:
		return "standard input"
	case flag == "":
		return path
	}
	return flag + " " + path
}

// secretFile is what is in a file without the white space around it, and whether others
// than its owner may read it.
func secretFile(flag, path string) (secret []byte, open bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, unreadableAt(flag, path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, unreadableAt(flag, path, err)
	}
	if info.IsDir() {
		return nil, false, unreadableAt(flag, path, syscall.EISDIR)
	}
	secret, err = secretFrom(flag, path, f)
	return secret, info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0, err
}

func secretFrom(flag, path string, r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSecret+1))
	switch {
	case err != nil:
		return nil, unreadableAt(flag, path, err)
	case len(b) > maxSecret:
		return nil, usage("%s: it has more than %d bytes: it is no file of a secret", said(flag, path), maxSecret)
	}
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return nil, usage("%s: it is empty", said(flag, path))
	}
	return b, nil
}

// readKey is the secret of --key-file, and says what that is worth.
func (a *app) readKey(path string) ([]byte, error) {
	key, open, err := secretFile("--key-file", path)
	switch {
	case err != nil:
		return nil, err
	case open:
		return nil, usage("--key-file %s: others may read it, and whoever has the key is let in: chmod 600 %[1]s", path)
	case len(key) < minKey:
		return nil, usage("--key-file %s: the key has %d bytes, and must have %d at least: head -c 32 /dev/urandom | base64 makes one", path, len(key), minKey)
	}
	a.complain(noHiding)
	return key, nil
}

// noHiding is what users of a key alone should know.
const noHiding = "warning: a key authenticates and hides nothing: others on the way can read all that crosses. That is enough on a network that you trust, or to debug; use tokens elsewhere"

// readToken is the token in a file, or in the first line of standard input.
func (a *app) readToken(flag, path string) (string, error) {
	if path == standardInput {
		line, err := bufio.NewReader(io.LimitReader(a.stdin, maxSecret)).ReadBytes('\n')
		if err != nil && err != io.EOF {
			return "", usage("%s: cannot read standard input: %v", said(flag, path), bare(err))
		}
		token, err := secretFrom(flag, path, bytes.NewReader(line))
		return wholeToken(flag, path, token, err)
	}
	token, open, err := secretFile(flag, path)
	if open && err == nil {
		a.complain("warning: others may read " + path + ", and whoever has the token may join: chmod 600 " + path)
	}
	return wholeToken(flag, path, token, err)
}

// wholeToken refuses what cannot be a token. err is of reading it.
func wholeToken(flag, path string, token []byte, err error) (string, error) {
	if err == nil {
		if _, wrong := gate.ParseToken(string(token)); wrong != nil {
			err = usage("%s: %v", said(flag, path), wrong)
		}
	}
	return string(token), err
}

// readIdentity is the listener's key in a file, which is made when it is not there.
func readIdentity(path string, make func() ([]byte, error)) ([]byte, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := make()
		if err != nil {
			return nil, err
		}
		return key, writeSecret("--identity", path, key)
	}
	key, open, err := secretFile("--identity", path)
	if err == nil && open {
		err = usage("--identity %s: others may read it, and could pass for this listener: chmod 600 %[1]s", path)
	}
	return append(key, '\n'), err
}

// writeSecret makes a file that only its owner may read.
func writeSecret(flag, path string, secret []byte) error {
	f, err := createSecret(flag, path)
	if err != nil {
		return err
	}
	return fillSecret(f, secret)
}

// createSecret makes a file for a secret, where there is none.
func createSecret(flag, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, usage("%s: there is such a file already: remove it, or name another", said(flag, path))
	}
	if err != nil {
		return nil, usage("%s: cannot make the file: %v", said(flag, path), bare(err))
	}
	return f, nil
}

// fillSecret writes the file, or else removes it.
func fillSecret(f *os.File, secret []byte) error {
	_, err := f.Write(append(bytes.TrimRight(secret, "\n"), '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return usage("cannot write %s: %v", f.Name(), bare(err))
	}
	return nil
}
