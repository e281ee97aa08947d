//go:build linux && !amd64 && !arm64

package confine

// auditArch 0: there is no table of the calls of this architecture.
const auditArch = 0

func verdicts(form) (calls, action) { return nil, kill }
