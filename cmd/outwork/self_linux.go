package main

// ownProgram is this program, wherever it lies, also when it lies nowhere: also for what a
// child of it, or its agent on another host, is to start.
func ownProgram() string { return "/proc/self/exe" }
