package shell

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/outwork-go/outwork/internal/service/schema"
)

// maxWord is how many characters of allowed values stand for a value in usage
// lines.
const maxWord = 24

// ValueWord stands for a value of f in usage lines: "N", "FILE", "start|stop".
// It is "" for true or false.
func ValueWord(f *schema.Field) string {
	if f.Secret {
		return "FILE"
	}
	if word := strings.Join(f.Limit.Enum, "|"); word != "" && len(word) <= maxWord && f.Type.Kind != schema.Map {
		return word
	}
	return kindWord(f.Type)
}

func kindWord(t *schema.Type) string {
	switch t.Kind {
	case schema.Bool:
		return ""
	case schema.Int, schema.Uint, schema.Float:
		return "N"
	case schema.Bytes:
		return "DATA"
	case schema.File:
		return "FILE"
	case schema.Time:
		return "TIME"
	case schema.Duration:
		return "DURATION"
	case schema.Struct:
		return "JSON"
	case schema.Map:
		return "KEY=VALUE"
	case schema.List:
		if t.Elem.Kind == schema.Bool {
			return "true|false"
		}
		return kindWord(t.Elem)
	}
	return "TEXT"
}

// Ranges says of f, each in a phrase, what its values must be, how they are
// given and what holds when they are not.
func Ranges(f *schema.Field) []string {
	phrases := limits(f)
	if phrase := how(f); phrase != "" {
		phrases = append(phrases, phrase)
	}
	switch {
	case f.Default != "":
		return append(phrases, "default: "+f.Default)
	case Required(f) && f.Position < 0:
		return append(phrases, "required")
	}
	return phrases
}

// limits are the phrases of what values must be.
func limits(f *schema.Field) []string {
	phrases := []string{values(f), number(f), length(f)}
	if f.Limit.Pattern != "" {
		phrases = append(phrases, "matches "+f.Limit.Pattern)
	}
	return slices.DeleteFunc(phrases, func(phrase string) bool { return phrase == "" })
}

// Required reports whether a command line must have f.
func Required(f *schema.Field) bool {
	least := f.Limit.MinLen
	switch {
	case f.CanLack() || f.Type.Kind == schema.Bool:
		return false
	case f.Type.Kind == schema.List || f.Type.Kind == schema.Map:
		return least != nil && *least > 0
	}
	return true
}

func values(f *schema.Field) string {
	if len(f.Limit.Enum) > 0 && (f.Position >= 0 || !strings.HasPrefix(ValueWord(f), f.Limit.Enum[0]+"|")) {
		return "one of " + strings.Join(f.Limit.Enum, ", ")
	}
	switch f.Type.Kind {
	case schema.Time:
		return "as in 2006-01-02T15:04:05Z"
	case schema.Duration:
		return "as in 1m30s"
	}
	return ""
}

// number is the range of a number or a duration. That of its Go type is not
// worth a word.
func number(f *schema.Field) string {
	t := f.Type
	for t.Kind == schema.List || t.Kind == schema.Map {
		t = t.Elem
	}
	show := func(n float64) string {
		if t.Kind == schema.Duration {
			return time.Duration(n).String()
		}
		if n == math.Trunc(n) && math.Abs(n) < 1<<63 {
			return strconv.FormatInt(int64(n), 10)
		}
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	switch lo, hi := f.Limit.Min, f.Limit.Max; {
	case lo != nil && hi != nil:
		return show(*lo) + " to " + show(*hi)
	case lo != nil:
		return "at least " + show(*lo)
	case hi != nil:
		return "at most " + show(*hi)
	}
	return ""
}

func length(f *schema.Field) string {
	unit := "character"
	switch f.Type.Kind {
	case schema.Bytes:
		unit = "byte"
	case schema.List:
		unit = "value"
	case schema.Map:
		unit = "pair"
	}
	plural := func(n int) string {
		if n == 1 {
			return unit
		}
		return unit + "s"
	}
	switch lo, hi := f.Limit.MinLen, f.Limit.MaxLen; {
	case lo != nil && hi != nil && *lo == *hi:
		return fmt.Sprintf("%d %s", *lo, plural(*lo))
	case lo != nil && hi != nil:
		return fmt.Sprintf("%d to %d %s", *lo, *hi, plural(*hi))
	case lo != nil:
		return fmt.Sprintf("at least %d %s", *lo, plural(*lo))
	case hi != nil:
		return fmt.Sprintf("at most %d %s", *hi, plural(*hi))
	}
	return ""
}

// how is how a value is given, where that is not plain.
func how(f *schema.Field) string {
	switch {
	case f.Secret:
		return "read from FILE, - is standard input; asked for on a terminal"
	case f.Type.Kind == schema.File:
		return strings.Join(f.TakesFiles(), " or ") + " file to be opened, or - for standard input"
	case f.Type.Kind == schema.Bytes:
		return "@FILE reads a file, - standard input"
	case f.Type.Kind == schema.Struct:
		return "@FILE reads a file, - standard input"
	case secrets(f.Type) && f.Type.Kind == schema.Map:
		return "KEY=@FILE reads a file, KEY=- standard input; may be given several times"
	case secrets(f.Type):
		return "@FILE reads a file, - standard input; may be given several times"
	case f.Position < 0 && (f.Type.Kind == schema.List || f.Type.Kind == schema.Map):
		return "may be given several times"
	}
	return ""
}
