// Package hexui is the hex view itself: a program for a terminal of which it has only the
// two streams and the size. It runs in a worker; what it draws crosses to the manager,
// which lends its terminal and lets through no more than colours, cursor movements and the
// like. So it asks the terminal nothing and waits for no answers. Copying is OSC 52, which
// the lender may permit or drop.
//
// Only what is to be seen is read, so that the size of a container does not matter, and a
// page is read beside drawing: what is not there yet is "··", and what cannot be read "??".
// All text that comes from the bytes is escaped.
//
// The keys are:
//
//	arrows hjkl   a byte or a row further
//	PgUp PgDn     a page further (also Ctrl-B, Ctrl-F, Space)
//	Home End      start and end of the row (also 0, $)
//	g G           first and last byte (also Ctrl-Home, Ctrl-End)
//	v             select: begin, then move; again ends it
//	Shift-arrows  select (also with PgUp, PgDn, Home, End; or drag the mouse)
//	y             copy the selection in hexadecimal, by OSC 52 where that may be
//	Y             copy it as text
//	:             go to 0x1f0, 123, +0x10, -16, 50%, end
//	/             search: text, hex:4D 5A ?? 50, re:…, i:… (any case), utf16:…
//	n             next match
//	N             the match before
//	]             next field of the structure
//	[             the field before
//	t             the structure as a tree: open, shut
//	Tab           from the bytes to the tree and back
//	Enter         in the tree: go to the field and select it
//	Left Right    in the tree: shut and open a structure (also h, l, Space)
//	i             values at the cursor (c16: UTF-16, t32 t64: Unix, ft: FILETIME)
//	r             read again what is shown
//	?             this help
//	Enter         leave, and tell what is selected, or the match here, or the byte
//	Esc           stop searching or selecting; else leave
//	q             leave (also Ctrl-C)
package hexui
