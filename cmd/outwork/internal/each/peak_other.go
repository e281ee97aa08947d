//go:build !unix

package each

func peakMemory() int64 { return 0 }
