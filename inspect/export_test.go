package inspect

// SamplePE is a small PE image that has something of everything.
func SamplePE(plus bool) []byte { return samplePE(plus).bytes() }

// Bounds, for tests outside.
const (
	MaxLibraries = maxLibraries
	MaxNodes     = maxNodes
	MaxString    = maxString
	MaxSymbols   = maxSymbols
	MaxText      = maxText
	MaxWarnings  = maxWarnings
)
