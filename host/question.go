package host

// Question is what a program on the way to a host asks a person.
type Question struct {
	// Host is the hop that it is about, as "ssh://deploy@db1". The text comes from where
	// that hop's command runs: behind other hops, from the host before.
	Host   string
	Text   string // as the program put it, without control characters but newlines
	Secret bool   // the answer must not be shown
	Notice bool   // there is nothing to answer, but something to do ("touch your key"), until ctx ends
}
