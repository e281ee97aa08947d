package main

import "os"

// dumb is the TERM of terminals whose cursor cannot be moved.
const dumb = "dumb"

// colours reports whether f is written to in colours: a terminal that has them, unless
// NO_COLOR or CLICOLOR=0 forbids it; CLICOLOR_FORCE wants them in files and pipes too.
func colours(f *os.File) bool {
	switch {
	case os.Getenv("NO_COLOR") != "":
		return false
	case forced():
		return true
	case os.Getenv("CLICOLOR") == "0", os.Getenv("TERM") == dumb:
		return false
	}
	return isTerminal(f)
}

func forced() bool {
	force := os.Getenv("CLICOLOR_FORCE")
	return force != "" && force != "0"
}
