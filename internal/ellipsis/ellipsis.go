// Package ellipsis cuts texts that are too long for the line that they are put into.
package ellipsis

// Cut is s when it has no more than most characters, else its beginning and "…", which is the
// last of so many. Bytes that are no UTF-8 count as a character each. It looks at no more of s
// than it returns.
func Cut(s string, most int) string {
	n, end := 0, 0
	for i := range s {
		if n == most-1 {
			end = i // what is left when there are more
		}
		if n == most {
			return s[:end] + "…"
		}
		n++
	}
	return s
}
