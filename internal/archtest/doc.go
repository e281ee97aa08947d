// Package archtest holds the tests of the module as a whole: which package may
// import which, what a worker binary may link and run at its start, and what no
// file may say. It has no code of its own, and nothing imports it.
package archtest
