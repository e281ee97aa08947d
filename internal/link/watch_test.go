package link

import (
	"bytes"
	"testing"
)

// TestPageHead: what an agent says of a page is what a manager says.
func TestPageHead(t *testing.T) {
	for _, n := range []int64{1, 23, 24, 255, 256, 65535, 65536, MaxPage} {
		data := bytes.Repeat([]byte{7}, int(n))
		answer := append(PageHead(n), data...)
		if !bytes.Equal(answer, mustBytes(&bytesReplyPlan, bytesReply{data})) {
			t.Errorf("%d bytes: it begins with % x", n, answer[:8])
		}
		if got, err := ParsePage(answer, n); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %d, %v", n, len(got), err)
		}
		if _, err := ParsePage(answer, n+1); err == nil {
			t.Errorf("%d bytes are taken for more", n)
		}
	}
}

// TestPagedShare: nothing but a container that stays at the manager is one.
func TestPagedShare(t *testing.T) {
	paged := part{Kind: partPaged, Size: 70000, Immutable: true, Inline: []byte{}}
	for _, r := range []struct {
		containerReply
		ok bool
	}{
		{containerReply{7, false, paged}, true},
		{containerReply{7, true, part{Inline: []byte{}}}, false},
		{containerReply{7, false, part{Kind: partContainer, Size: 1, Inline: []byte{1}, Immutable: true}}, false},
		{containerReply{7, false, part{Kind: partPaged, Size: -1, Inline: []byte{}}}, false},
	} {
		b := mustBytes(&containerReplyPlan, r.containerReply)
		if s, ok := ParsePagedShare(b); ok != r.ok || ok && s != (PagedShare{7, 70000, true}) {
			t.Errorf("%+v: %+v, %t", r.containerReply, s, ok)
		}
		if _, ok := ParsePagedShare(append(b, 0)); ok {
			t.Error("one byte too many")
		}
	}
}
