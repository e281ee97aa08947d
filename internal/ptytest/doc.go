// Package ptytest is a terminal for tests: a pseudo-terminal with a screen behind it, which
// shows what is drawn there as text and cells. Who tests waits for what is to be seen, never
// for a time.
//
// The screen knows what full-screen programs draw with. What it does not know is kept
// (Screen.Odd), so that a test finds it. Each character takes one cell.
package ptytest
