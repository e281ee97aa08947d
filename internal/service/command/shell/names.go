package shell

import (
	"strings"
	"unicode"

	"github.com/outwork-go/outwork/internal/service/schema"
)

// Kebab is a field's name as a flag's: "max_size" and "maxSize" are both
// "max-size".
func Kebab(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case r == '_' || r == '.':
			r = '-'
		case unicode.IsUpper(r):
			if i > 0 && begins(runes, i) {
				b.WriteByte('-')
			}
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// begins reports whether the upper-case letter at i is the first of a word:
// one behind a lower-case letter, or the last of several before one.
func begins(runes []rune, i int) bool {
	before := runes[i-1]
	if unicode.IsUpper(before) {
		return i+1 < len(runes) && unicode.IsLower(runes[i+1])
	}
	return unicode.IsLetter(before) || unicode.IsDigit(before)
}

// Placeholder is a field's name as it stands for a value in usage lines.
func Placeholder(name string) string { return strings.ToUpper(Kebab(name)) }

// FlagName is the flag that stands for f. That of a secret names a file: a
// command line is seen by all users.
func FlagName(f *schema.Field) string {
	if f.Secret {
		return Kebab(f.Name) + "-file"
	}
	return Kebab(f.Name)
}
