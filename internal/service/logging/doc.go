// Package logging is a daemon's own log: a handler for log/slog that writes to
// the journal, as structured fields, where that is what reads the daemon's
// standard error, and lines of text everywhere else.
//
// It promises that a record is one entry or one line, whatever it holds: every
// character that does not print is escaped, and what is too long is cut and ends
// with "…". A record that the journal does not take within 100 ms is written as
// text.
//
// In the journal, the message is followed by the attributes, for those who read
// it with plain journalctl; each attribute is a field besides, for those who
// search. The attribute "hostName" of group "net" is NET_HOSTNAME. A name that
// means something to journald or is none there gets LOG_ before it. Records of a
// call have OUTWORK_REQUEST and OUTWORK_UID, as those of the audit do: see
// Call.
package logging
