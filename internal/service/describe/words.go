package describe

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/outwork-go/outwork/internal/service/schema"
)

// clean is a peer's text as it may be shown: white space is one space, and what
// is not printable is escaped, so that no text moves the cursor.
func clean(s string) string {
	var b strings.Builder
	for i, word := range strings.Fields(strings.ToValidUTF8(s, "\ufffd")) {
		if i > 0 {
			b.WriteByte(' ')
		}
		for _, r := range word {
			if unicode.IsPrint(r) {
				b.WriteRune(r)
			} else {
				b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			}
		}
	}
	return b.String()
}

// typeWords is a type as people say it: "list of text".
func typeWords(t *schema.Type) string {
	switch t.Kind {
	case schema.Bool:
		return "true or false"
	case schema.Int, schema.Uint:
		return "integer"
	case schema.Float:
		return "number"
	case schema.String, schema.Text:
		return "text"
	case schema.Bytes:
		return "bytes (base64)"
	case schema.Time:
		return "time (RFC 3339)"
	case schema.Duration:
		return "duration (1m30s)"
	case schema.Struct:
		return "object"
	case schema.List:
		return "list of " + typeWords(t.Elem)
	case schema.Map:
		return "map to " + typeWords(t.Elem)
	case schema.Stream:
		return "stream of " + typeWords(t.Elem)
	case schema.File:
		return "open file"
	}
	return "stream of bytes"
}

// unit is what lengths of a type count.
func unit(t *schema.Type, n int) string {
	one, many := "character", "characters"
	switch t.Kind {
	case schema.Bytes:
		one, many = "byte", "bytes"
	case schema.List:
		one, many = "element", "elements"
	case schema.Map:
		one, many = "entry", "entries"
	}
	if n == 1 {
		return one
	}
	return many
}

// fieldWords are what is to know of a field besides its name and doc.
func fieldWords(f *schema.Field, args bool) []string {
	words := []string{typeWords(f.Type)}
	if args {
		words = append(words, needWords(f))
	} else if f.Optional {
		words = append(words, "may be absent")
	}
	words = append(words, rangeWords(f)...)
	if f.Secret {
		words = append(words, "secret")
	}
	return words
}

func needWords(f *schema.Field) string {
	switch {
	case f.Default != "":
		return "default " + f.Default
	case f.Optional:
		return "optional"
	case f.CanLack(): // a struct of fields with defaults
		return "may be left out"
	}
	return "required"
}

func rangeWords(f *schema.Field) []string {
	var words []string
	l := &f.Limit
	if text := numberWords(f.Subject(), l); text != "" {
		words = append(words, text)
	}
	if text := lengthWords(f.Type, l); text != "" {
		words = append(words, text)
	}
	if l.Pattern != "" {
		words = append(words, "matching "+l.Pattern)
	}
	if l.Enum != nil {
		words = append(words, "one of "+strings.Join(l.Enum, ", "))
	}
	if f.Files != "" {
		words = append(words, strings.Join(f.TakesFiles(), " or "))
	}
	return words
}

// numberWords is a range, "" for the whole of a 64-bit type.
func numberWords(t *schema.Type, l *schema.Limit) string {
	least, most := t.Bounds(l)
	switch {
	case t.Kind != schema.Int && t.Kind != schema.Uint && t.Kind != schema.Float && t.Kind != schema.Duration:
		return ""
	case l.Min != nil && l.Max == nil && (t.Bits == 64 || t.Kind != schema.Int && t.Kind != schema.Uint):
		return "at least " + t.Number(least)
	case l.Max != nil && l.Min == nil && t.Kind != schema.Uint && (t.Bits == 64 || t.Kind != schema.Int):
		return "at most " + t.Number(most)
	case l.Min == nil && l.Max == nil && (t.Bits == 64 || t.Kind == schema.Float || t.Kind == schema.Duration):
		return ""
	}
	return t.Number(least) + " to " + t.Number(most)
}

func lengthWords(t *schema.Type, l *schema.Limit) string {
	switch {
	case l.MinLen != nil && l.MaxLen != nil:
		return strconv.Itoa(*l.MinLen) + " to " + strconv.Itoa(*l.MaxLen) + " " + unit(t, *l.MaxLen)
	case l.MinLen != nil:
		return "at least " + strconv.Itoa(*l.MinLen) + " " + unit(t, *l.MinLen)
	case l.MaxLen != nil:
		return "at most " + strconv.Itoa(*l.MaxLen) + " " + unit(t, *l.MaxLen)
	}
	return ""
}
