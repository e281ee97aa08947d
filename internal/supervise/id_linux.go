package supervise

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// firstID is the first of the ids, of users and groups alike, that are given to confined
	// processes, and ids is how many there are. systemd's table of ids
	// (https://systemd.io/UIDS-GIDS) leaves them to nobody.
	firstID = 0x7F570000
	ids     = 1 << 16

	// draws is how often an id is drawn before there is none.
	draws = 100
)

// privileged reports whether this process is root and may do what it takes to confine another
// as such: with less, it is confined as an ordinary user's.
func privileged() bool {
	if os.Geteuid() != 0 {
		return false
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return false
	}
	for _, c := range []uint{unix.CAP_SYS_ADMIN, unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_SETPCAP, unix.CAP_KILL} {
		if data[0].Effective&(1<<c) == 0 {
			return false
		}
	}
	return true
}

// rootOfMachine reports whether this process is root, and that of the machine's files: its ids are
// not mapped to others.
func rootOfMachine() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	f := strings.Fields(string(b))
	return err == nil && os.Geteuid() == 0 && len(f) >= 3 && f[0] == "0" && f[1] == "0"
}

// takeID is an id, of user and group, that nobody has: no account, and no other process that was
// started here. It is 0 where there is none, as in a container with few ids.
func (s *Supervisor) takeID() int {
	inUse, from := accounts("/etc/passwd", "/etc/group"), spareIDs("/proc/self/uid_map", "/proc/self/gid_map")
	s.mu.Lock()
	defer s.mu.Unlock()
	for range draws {
		id := from.draw()
		if _, taken := s.ids[id]; id != 0 && id != nobody && id != nobody+1 && !taken && !inUse[id] {
			s.ids[id] = struct{}{}
			return id
		}
	}
	return 0
}

func (s *Supervisor) leaveID(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ids, id)
}

// accounts are the numbers of users and groups in files of the form of /etc/passwd. (Others, of
// a directory of the network, have no business above firstID.)
func accounts(files ...string) map[int]bool {
	ids := map[int]bool{}
	for _, name := range files {
		b, _ := os.ReadFile(name) // without accounts there is none to spare
		for line := range bytes.Lines(b) {
			if f := strings.SplitN(string(line), ":", 4); len(f) == 4 {
				if id, err := strconv.Atoi(f[2]); err == nil {
					ids[id] = true
				}
			}
		}
	}
	return ids
}

// idRange is a range of ids; end is not in it.
type idRange struct{ start, end int }

func (r idRange) draw() int {
	if r.end <= r.start {
		return 0
	}
	return r.start + rand.IntN(r.end-r.start)
}

// leastMapped is how many ids a user namespace must have for some to be spare.
const leastMapped = 1 << 12

// spareIDs are those to draw from in the user namespace with those maps: firstID and what
// follows, or where they do not exist, the upper half of what the namespace has of both.
func spareIDs(maps ...string) idRange {
	spare := idRange{0, 1 << 32}
	for _, name := range maps {
		most := idRange{}
		for _, r := range mapped(name) {
			if r.start <= firstID && r.end >= firstID+ids {
				most = idRange{firstID, firstID + ids}
				break
			}
			if r.end-r.start > most.end-most.start {
				most = r
			}
		}
		if most.start != firstID {
			if most.end-most.start < leastMapped {
				return idRange{}
			}
			most.start += (most.end - most.start) / 2
		}
		spare = idRange{max(spare.start, most.start), min(spare.end, most.end)}
	}
	return spare
}

// nobody is the id of those that a user namespace has no number for; the next, in 16 bits, is none.
const nobody = 65534

// mapped are the ids that a map of /proc/self has.
func mapped(name string) (ranges []idRange) {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		n := numbersFrom0(strings.Fields(lines.Text()))
		if len(n) == 3 {
			ranges = append(ranges, idRange{n[0], n[0] + n[2]})
		}
	}
	return ranges
}

func numbersFrom0(words []string) (ns []int) {
	for _, w := range words {
		if n, err := strconv.Atoi(w); err == nil && n >= 0 {
			ns = append(ns, n)
		}
	}
	return ns
}
