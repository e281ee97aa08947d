//go:build race

package link

func init() { underRace = true }
