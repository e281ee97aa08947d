package ident

import (
	"bytes"
	"errors"
	"strconv"
)

var errNotStat = errors.New("not in the format of /proc/PID/stat")

// startField is starttime's place behind the command's name, counted from 0:
// proc(5) counts it as the 22nd of all.
const startField = 22 - 3

// parseStart finds the start time in "PID (COMM) STATE PPID …". COMM is the
// process's own choice and may hold spaces and parentheses; nothing behind it can
// hold a parenthesis.
func parseStart(line []byte) (uint64, error) {
	comm := bytes.LastIndexByte(line, ')')
	fields := bytes.Fields(line[comm+1:])
	if comm < 0 || len(fields) <= startField {
		return 0, errNotStat
	}
	start, err := strconv.ParseUint(string(fields[startField]), 10, 64)
	if err != nil {
		return 0, errNotStat
	}
	return start, nil
}
