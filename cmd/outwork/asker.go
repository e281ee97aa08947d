package main

import (
	"errors"
	"strings"

	"github.com/outwork-go/outwork/host"
	"github.com/outwork-go/outwork/internal/output"
)

// maxTyped bounds what a person types, in bytes: a terminal's line is no longer.
const maxTyped = 4096

var errNotTyped = errors.New("nothing was typed at the terminal")

// prompt is a question as the terminal shows it. It names the host.
func prompt(q host.Question) string {
	text := strings.TrimSpace(q.Text)
	if !strings.Contains(text, q.Host) {
		between := ": "
		if strings.Contains(text, "\n") {
			between = ":\n"
		}
		text = q.Host + between + text
	}
	if q.Notice {
		text += "\n"
	} else {
		text += " "
	}
	return string(output.Sanitize([]byte(text)))
}
