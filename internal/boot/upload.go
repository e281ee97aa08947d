package boot

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/outwork-go/outwork/host"
)

// maxUploads is how often a program is sent in one boot: to each directory that turns
// out to be full, and once more as it is.
const maxUploads = 6

// spoilt are words of gzip's about bytes that were changed on the way.
var spoilt = []string{"crc", "corrupt", "invalid", "gzip format", "gzip magic", "length error"}

// upload sends the program, and tells it to begin.
func (b *boot) upload() error {
	data, err := b.p.pack(b.ctx)
	unpack := "gzip -dc"
	for range maxUploads {
		if err != nil {
			return b.unread(err)
		}
		b.to(host.Upload)
		b.order(putLine(b.nonce, b.is, len(data), unpack), data)
		again, err2 := b.receipt()
		switch {
		case err2 != nil:
			return err2
		case again == "":
			return nil
		case again == "plain":
			data, err = b.p.plain(b.ctx)
			unpack = "cat"
		case again == "memory":
			return b.memory()
		}
	}
	return &fault{host.Upload, noAgent{b.noRoom("")}}
}

// receipt takes what the stage says to an upload: "" for done, or how to do it again.
func (b *boot) receipt() (again string, err error) {
	for {
		e, err := b.wait()
		switch {
		case err != nil:
			return "", err
		case e.preamble:
			return "", errBabble
		}
		switch r := append(e.reply, "", ""); r[0] {
		case "dir":
			b.facts.take(e.reply)
		case "full":
			why := plain([]byte(r[2]))
			if strings.Contains(why, "unexpected end") {
				return "", faultf(host.Upload, "it was cut off: %s", why)
			}
			if contains([]string{strings.ToLower(why)}, spoilt...) != "" {
				return "", faultf(host.Verify, "what arrived is not what was sent: %s", why)
			}
			b.facts.take(e.reply)
			return "elsewhere", nil
		case "none":
			return "memory", nil
		case "bad":
			return "", faultf(host.Verify, "what arrived is not what was sent: %s", plain([]byte(r[1])))
		case "ok":
			b.started(r[1], r[2])
			return "", nil
		case "fail":
			if r[1] == "unpack" {
				return "plain", nil
			}
			return "", &fault{host.Upload, noAgent{errors.New("it has neither head nor dd, with which the program would be received")}}
		default:
			return "", errBabble
		}
	}
}

// started is for a program that is being executed: nothing reads too far any more.
func (b *boot) started(dir, how string) {
	b.fresh, b.dir, b.how = true, dir, how
	b.to(host.Execute)
	b.ahead(math.MaxInt)
}

// memory starts the program where no directory will do.
func (b *boot) memory() error {
	if b.facts.OS != "linux" {
		return &fault{host.Probe, noAgent{b.noRoom("")}}
	}
	b.to(host.Probe)
	b.order(workLine(b.nonce,
		`has python3 && python3 -ISc 'import hashlib, os, zlib; os.memfd_create' </dev/null >/dev/null 2>&1 && say tool python3;`,
		`has perl && say tool perl; say end`))
	if err := b.learn(); err != nil {
		return err
	}
	line, data, err := b.interpreter()
	if err != nil {
		return err
	}
	b.to(host.Upload)
	b.order(line, data)
	switch again, err := b.receipt(); {
	case err != nil:
		return err
	case again != "":
		return errBabble
	}
	return nil
}

// interpreter is how the program is started from memory, and what is sent for it.
func (b *boot) interpreter() (line string, data []byte, err error) {
	switch {
	case b.facts.has("python3"):
		if data, err = b.p.pack(b.ctx); err == nil {
			line = pythonLine(b.nonce, b.is, len(data))
		}
	case b.facts.has("perl"):
		if data, err = b.p.plain(b.ctx); err == nil {
			line = perlLine(b.nonce, b.is, len(data), b.facts.Machine)
		}
	default:
		return "", nil, &fault{host.Probe, noAgent{b.noRoom("; and it has neither python3 (3.8 or later) nor perl to start the program from memory")}}
	}
	if err != nil {
		err = b.unread(err)
	}
	return line, data, err
}

// noRoom names every directory, and what is wrong with it.
func (b *boot) noRoom(more string) error {
	var all []string
	for _, d := range b.facts.Dirs {
		if d.Why != "" {
			all = append(all, fmt.Sprintf("%s: %s", d.Path, d.Why))
		}
	}
	if len(all) == 0 {
		return errors.New("there is no directory for the program" + more)
	}
	return errors.New("no directory can be written to and executed in: " + strings.Join(all, ", ") + more)
}
