package link

// Spawn is what a manager asks an agent to start: the first message of a RELAY. What
// the stream carries besides is what the process reads and writes.
type Spawn struct {
	Name    string   // the worker's, for ps; "" of a command
	Kind    uint8    // one of the constants below
	Lang    string   // of an interpreter
	Program string   // "": the agent's own, or what the language's search finds
	Args    []string // without the program's name, but for the agent's own program
	Env     []string
	Whole   bool // Env is all of the environment; else it is added to the agent's
	Dir     string
	Boot    int64  // bytes that the manager sends before its preamble
	Ask     bool   // a command's: the manager answers what it asks through SSH_ASKPASS
	Confine []byte // what is to hold it, as package confine writes it; empty: nothing
}

// Kinds of processes.
const (
	SpawnWorker      uint8 = iota // its link is a socket
	SpawnInterpreter              // its link is its standard input and output
	SpawnCommand                  // it has no link: the stream is its standard input and output
)

// RelayQuestion is what a command that an agent started asks a person, or, with Kind
// QuestionOver, that the question with that ID is no longer asked. The answer is a call
// of agent.answer. A process has one question open at a time.
type RelayQuestion struct {
	ID   uint32 // not 0
	Kind uint8  // one of the constants below
	Text string
}

// Kinds of questions.
const (
	QuestionShown  uint8 = iota // the answer may be shown
	QuestionSecret              // the answer must not be shown
	QuestionNotice              // nothing is to be answered
	QuestionOver                // the question is no longer open
)

// Ended is how a process that an agent started has ended.
type Ended struct {
	Code, Signal int
	User, System int64 // nanoseconds
	MaxRSS       int64 // bytes
	PeakMemory   int64 // bytes, of its control group; 0: it had none
	OutOfMemory  bool  // the kernel killed it for its control group's limit
	Tail         []byte
}
