package outwork

import (
	"io"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/record"
)

// recorder writes what crosses the links to the manager's Record.
type recorder struct{ w *record.Writer }

func newRecorder(w io.Writer) *recorder { return &recorder{record.NewWriter(w)} }

func (r *recorder) link(worker string) func(bool, frame.Header, []byte) {
	return func(sent bool, h frame.Header, payload []byte) { r.w.Frame(worker, sent, h, payload) }
}
