package confine

// RoleVariable is the environment variable that tells a process what it was started for, and
// RoleStage its value for a stage: package starter has the others.
const (
	RoleVariable = "OUTWORK_ROLE"
	RoleStage    = "stage"
)

// HeldVariable is the environment variable in which a program that a stage has become finds what
// holds it: a Report, as its String is. Nobody else may set it.
const HeldVariable = "OUTWORK_CONFINED"
