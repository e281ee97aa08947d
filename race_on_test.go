//go:build race

package outwork_test

const raceEnabled = true
