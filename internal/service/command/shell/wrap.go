package shell

import (
	"strings"
	"unicode/utf8"
)

// Wrap breaks text into lines of at most width columns, each behind indent
// spaces. An empty line separates paragraphs; other line ends are spaces. A word
// that is too long has a line of its own. The result ends in a line end unless
// it is empty.
func Wrap(text string, indent, width int) string {
	var b strings.Builder
	for i, paragraph := range paragraphs(text) {
		if i > 0 {
			b.WriteByte('\n')
		}
		wrapParagraph(&b, paragraph, indent, width)
	}
	return b.String()
}

// paragraphs are the parts of text between empty lines.
func paragraphs(text string) (all []string) {
	var lines []string
	for line := range strings.Lines(text + "\n\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		} else if lines != nil {
			all, lines = append(all, strings.Join(lines, " ")), nil
		}
	}
	return all
}

func wrapParagraph(b *strings.Builder, text string, indent, width int) {
	column := 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
			b.WriteString(strings.Repeat(" ", indent))
			column = indent
		case column+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	b.WriteByte('\n')
}

// FirstSentence is the first sentence of doc, without its full stop, on one
// line: what stands alone in lists.
func FirstSentence(doc string) string {
	all := paragraphs(doc)
	if len(all) == 0 {
		return ""
	}
	first := all[0]
	if at := strings.Index(first, ". "); at >= 0 {
		first = first[:at]
	}
	return strings.TrimSuffix(first, ".")
}

// OneOf is words as people say them: "a, b or c".
func OneOf(words []string) string { return join(words, " or ") }

// AllOf is words as people say them: "a, b and c".
func AllOf(words []string) string { return join(words, " and ") }

func join(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + last + words[n]
}
