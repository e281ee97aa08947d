package link

import (
	"context"
	"os"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/module"
	"github.com/outwork-go/outwork/internal/mux"
)

// Modules asks the manager for a module, and takes what comes along.
func (l *Link) Modules(ctx context.Context, lang, name string) ([]module.Module, error) {
	if err := checkName("a module's name", name); err != nil {
		return nil, err
	}
	b, err := moduleRequestPlan.bytes(&moduleRequest{lang, name})
	if err != nil {
		return nil, err
	}
	var m moduleReply
	err = l.request(ctx, frame.GetModule, b, func(payload []byte, files []*os.File) error {
		closeAll(files)
		return moduleReplyPlan.only(payload, &m, "the answer to GET_MODULE")
	})
	return m.Modules, err
}

func (l *Link) onGetModule(ev mux.Event) error {
	var r moduleRequest
	if err := moduleRequestPlan.only(ev.Payload, &r, "GET_MODULE"); err != nil {
		return err
	}
	return l.answerAsk(ev, func() ([]byte, []*os.File, error) {
		found, err := l.cfg.Modules(r.Language, r.Name)
		if err != nil {
			return nil, nil, err
		}
		b, err := moduleReplyPlan.bytes(&moduleReply{found})
		return b, nil, err
	})
}
