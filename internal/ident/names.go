package ident

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strconv"

	"github.com/outwork-go/outwork/internal/legible"
)

// maxNames bounds in bytes what is read of /etc/passwd or /etc/group.
const maxNames = 4 << 20

// UserName is the name that /etc/passwd has for a user, or "".
func UserName(uid uint32) string { return nameIn("/etc/passwd", uid) }

// GroupName is the name that /etc/group has for a group, or "".
func GroupName(gid uint32) string { return nameIn("/etc/group", gid) }

func nameIn(file string, id uint32) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	return findName(f, id)
}

// findName looks in lines of the form NAME:PASSWORD:ID:… for the first of id.
// Lines that are longer than the scanner takes end the search.
func findName(r io.Reader, id uint32) string {
	want := strconv.AppendUint(nil, uint64(id), 10)
	lines := bufio.NewScanner(io.LimitReader(r, maxNames))
	for lines.Scan() {
		fields := bytes.SplitN(lines.Bytes(), []byte(":"), 4)
		if len(fields) >= 3 && bytes.Equal(fields[2], want) && len(fields[0]) > 0 {
			return legible.Quoted(legible.CutBytes(string(fields[0]), MaxExe))
		}
	}
	return ""
}
