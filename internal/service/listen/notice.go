package listen

import (
	"time"
)

// NoticeEvery is how often Config.Notice is told of one user and reason.
const NoticeEvery = 10 * time.Second

// maxNotices bounds the users and reasons that are told apart. Beyond them, users
// are told of together.
const maxNotices = 64

// Notice tells of clients that were refused, or had to wait.
type Notice struct {
	Reason Reason
	UID    uint32 // meaningful unless Many
	Many   bool   // of several users, or it concerns all
	Count  int    // since the last Notice of the same
	Err    error  // of Unknown and NoFiles: the last
}

// notices tells of each user and reason only so often.
type notices struct {
	tell func(Notice)
	now  func() time.Time
	kept map[noticeKey]*kept
}

type noticeKey struct {
	reason Reason
	uid    uint32 // or everyone
}

type kept struct {
	told   time.Time
	missed int
	err    error
}

func newNotices(tell func(Notice)) *notices {
	if tell == nil {
		tell = func(Notice) {}
	}
	return &notices{tell: tell, now: time.Now, kept: map[noticeKey]*kept{}}
}

// add counts one, and tells when it is time.
func (n *notices) add(reason Reason, uid uint32, err error) {
	now := n.now()
	key := noticeKey{reason, uid}
	if n.kept[key] == nil && len(n.kept) >= maxNotices {
		n.flush(now.Add(-NoticeEvery))
		if len(n.kept) >= maxNotices {
			key.uid = everyone
		}
	}
	k := n.kept[key]
	if k == nil {
		k = &kept{told: now.Add(-NoticeEvery)}
		n.kept[key] = k
	}
	k.missed++
	k.err = err
	if now.Sub(k.told) >= NoticeEvery {
		n.say(key, k)
		k.told = now
	}
}

// flush tells what was not told, and forgets all, of which was last told before
// then or at it.
func (n *notices) flush(then time.Time) {
	for key, k := range n.kept {
		if !k.told.After(then) {
			if k.missed > 0 {
				n.say(key, k)
			}
			delete(n.kept, key)
		}
	}
}

func (n *notices) say(key noticeKey, k *kept) {
	n.tell(Notice{Reason: key.reason, UID: key.uid, Many: key.uid == everyone, Count: k.missed, Err: k.err})
	k.missed = 0
}
