package ident

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"sync"
)

// In a user namespace all users and groups that it has no number for appear as
// one: the overflow number. Whoever shows it may be anybody.

var errUnmapped = errors.New("it is of a user that this user namespace has no number for, who could be anybody: map the user, or connect from inside of the namespace")

const (
	noID            = ^uint32(0) // no user or group has this number
	allIDs          = 1<<32 - 1  // how many there are
	defaultOverflow = uint32(65534)
)

// overflow holds the numbers that stand for anybody, noID where none does. A
// process that changes its namespace later is not this package's.
var overflow = sync.OnceValue(func() (o struct{ uid, gid uint32 }) {
	o.uid, o.gid = overflowID("/proc", "uid"), overflowID("/proc", "gid")
	return o
})

// overflowID is the overflow number of kind, "uid" or "gid". Where the map cannot
// be read it is taken to leave somebody out.
func overflowID(proc, kind string) uint32 {
	ids, err := os.ReadFile(proc + "/self/" + kind + "_map")
	if err == nil && mapsAll(ids) || errors.Is(err, fs.ErrNotExist) && exists(proc+"/self/stat") {
		return noID // a kernel without user namespaces has no maps
	}
	text, _ := os.ReadFile(proc + "/sys/kernel/overflow" + kind)
	if n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 32); err == nil {
		return uint32(n)
	}
	return defaultOverflow
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// mapsAll reports whether the lines of a uid_map or gid_map, "INSIDE OUTSIDE
// COUNT", map every number to itself, as the initial namespace's does. The kernel
// lets no two overlap.
func mapsAll(ids []byte) bool {
	total := uint64(0)
	for line := range bytes.Lines(ids) {
		fields := bytes.Fields(line)
		if len(fields) != 3 || !bytes.Equal(fields[0], fields[1]) {
			return false
		}
		count, err := strconv.ParseUint(string(fields[2]), 10, 32)
		if err != nil {
			return false
		}
		total += count
	}
	return total == allIDs
}
