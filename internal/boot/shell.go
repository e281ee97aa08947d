package boot

import (
	_ "embed"
	"strconv"
	"strings"
)

//go:embed shell/stage.sh
var stageText string

//go:embed shell/work.sh
var workText string

//go:embed shell/put.sh
var putText string

//go:embed shell/tell.sh
var tellText string

//go:embed shell/bounds.sh
var boundsText string

//go:embed shell/memory.py
var pythonText string

//go:embed shell/memory.pl
var perlText string

// oneLine makes a script a single line: each of its lines ends in what separates it
// from the next. Comments have lines of their own.
func oneLine(script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return b.String()
}

// How a stage is told which program to look for: not at all, by a line that it reads
// first (so that the program is hashed while the hop connects), or at once.
const (
	lookForNone = ""
	lookForRead = "read -r _f _z;"
)

func lookFor(c content) string { return "_f=" + fileLine(c, "; _z=") + ";" }

// fileLine is a program's name and size.
func fileLine(c content, between string) string {
	return "outwork-" + c.hash + between + strconv.FormatInt(c.size, 10)
}

// stageLine is what a hop gets.
func stageLine(nonce, what string) string {
	look := ""
	if what != lookForNone {
		look = "each look;"
	}
	return strings.NewReplacer("WHAT", what, "FIND", look, "NONCE", nonce).Replace(oneLine(stageText))
}

// workLine is a command line that the stage evaluates.
func workLine(nonce string, more ...string) string {
	var line strings.Builder
	line.WriteString(strings.Replace(oneLine(workText), "_m=NONCE", "_m="+nonce, 1))
	for _, text := range more {
		line.WriteString(" " + oneLine(text))
	}
	return line.String()
}

// findLine looks for another program than the stage has.
func findLine(nonce string, c content) string {
	return workLine(nonce, lookFor(c)+" back; each look; say none")
}

// putLine gets n bytes that unpack makes the program of.
func putLine(nonce string, c content, n int, unpack string) string {
	return workLine(nonce, putText, "_g="+c.hash+"; put "+strconv.Itoa(n)+" '"+unpack+"'")
}

// pythonLine and perlLine start the program from memory.
func pythonLine(nonce string, c content, n int) string {
	return workLine(nonce, "back; exec python3 -ISc 'exec("+strconv.QuoteToASCII(pythonText)+")' "+nonce+" "+strconv.Itoa(n)+" "+c.hash)
}

func perlLine(nonce string, c content, n int, machine string) string {
	text := strings.ReplaceAll(perlText, "\n", " ")
	return workLine(nonce, "back; exec perl -e '"+text+"' "+nonce+" "+strconv.Itoa(n)+" "+c.hash+" '"+machine+"'")
}
