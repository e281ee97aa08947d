package link

import (
	"fmt"

	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// What an agent understands of the messages that it relays.

// PageRequest is a READ_CONTAINER.
type PageRequest struct {
	Share          uint64
	Offset, Length int64 // bytes; as they were asked for, so of any value
}

// ParsePageRequest decodes the payload of a READ_CONTAINER.
func ParsePageRequest(payload []byte) (PageRequest, error) {
	var r readRequest
	err := readPlan.only(payload, &r, "READ_CONTAINER")
	return PageRequest(r), err
}

// ParsePage is the n bytes that the answer to a READ_CONTAINER brought. They may be
// those of payload, which is the caller's own.
func ParsePage(payload []byte, n int64) ([]byte, error) { return readBytes(payload, true, n) }

// PageHead is what stands before n bytes, from 1 to MaxPage, in the answer to a
// READ_CONTAINER.
func PageHead(n int64) []byte { return bytesReplyHead(n) }

// PagedShare is a shared container that stays at the manager.
type PagedShare struct {
	Share     uint64
	Size      int64 // bytes
	Immutable bool
}

// ParsePagedShare decodes the payload of an answer to GET_CONTAINER. ok is false when
// that is not about a container which stays at the manager.
func ParsePagedShare(payload []byte) (s PagedShare, ok bool) {
	var r containerReply
	if err := containerReplyPlan.only(payload, &r, "the answer to GET_CONTAINER"); err != nil || r.Same || r.Part.Kind != partPaged {
		return s, false
	}
	return PagedShare{r.Share, r.Part.Size, r.Part.Immutable}, r.Part.checkPaged(0) == nil
}

// ParseWindow is what a worker's HELLO tells of its streams: how many bytes may be sent
// on each at first.
func ParseWindow(hello []byte) (int64, error) {
	var h Hello
	if _, err := decodeAll(helloPlan.plan(), codec.Rules{}, hello, &h); err != nil {
		return 0, frame.Violated("handshake", "HELLO: %v", err)
	}
	if h.Window < mux.MinWindow || h.Window > mux.TopWindow {
		return 0, fmt.Errorf("a window of %d bytes", h.Window)
	}
	return int64(h.Window), nil
}
