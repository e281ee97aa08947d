package listen

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstPassed is the number of the first file that systemd passes
// (SD_LISTEN_FDS_START).
const firstPassed = 3

// maxPassed is how many files are taken from systemd, to say that they are too
// many.
const maxPassed = 64

// passed are the files that systemd passed to this process, as sd_listen_fds(3)
// has it. The variables that tell of them are unset. (The library for it brings
// crypto/tls, for what this daemon never does, and a tenth of a millisecond of
// start for it.)
func passed() []*os.File {
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || pid != strconv.Itoa(os.Getpid()) {
		return nil
	}
	named := strings.Split(names, ":")
	var files []*os.File
	for i := range min(n, maxPassed) {
		name := "LISTEN_FD_" + strconv.Itoa(firstPassed+i)
		if i < len(named) && named[i] != "" {
			name = named[i]
		}
		unix.CloseOnExec(firstPassed + i)
		files = append(files, os.NewFile(uintptr(firstPassed+i), name))
	}
	return files
}
