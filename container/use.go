package container

// Use is what was done with a container that a manager shares with one worker:
// outwork.Worker.Stats returns one for each.
type Use struct {
	// Name is what it is shared under. It is empty for all containers together that
	// were arguments of calls and stayed at the manager.
	Name string

	// Paged tells that its bytes stay at the manager, which is asked for parts.
	Paged bool

	// Worker is what the worker has done, in its own process. A container that it
	// has let go, as it keeps the last 1,024 names only, counts no more.
	Worker Stats

	// Manager is what the manager's process has done for the worker, if the container
	// is paged.
	Manager Served
}

// Served is what a manager has done with a paged container for one worker. What it has
// read, searched, hashed and compared counts against sandbox.Limits.Served.
type Served struct {
	Reads, Bytes       int64 // requests, and bytes that were read
	Searches, Searched int64 // and searched
	Hashes, Hashed     int64 // and hashed or compared
	Refused            int64 // requests that were answered with an error
}
