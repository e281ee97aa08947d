package agent

import (
	"container/list"
	"sync"
)

// Limits of what an agent keeps.
const (
	keptBytes   = 64 << 20 // bytes: of all its workers
	largestKept = 2 << 20  // bytes: of one answer
	itemCost    = 512      // bytes: charged for each answer, whatever it has
	page        = 16 << 10 // bytes: what is kept of containers begins at multiples of it
)

// kept are answers of the manager's that an agent has seen: modules, and parts of
// containers that cannot change. Those used longest ago are let go when there are more
// than limit bytes. What it was given must not be changed any more. It is safe for
// concurrent use.
type kept struct {
	limit int64

	mu      sync.Mutex // guards what follows
	held    int64      // the items' costs
	used    list.List  // of *item, used longest ago first
	modules map[string]*item
	pages   map[pageOf]*item // each whole page of an item leads to it, if none newer has it
}

// pageOf is the page of that number of a share.
type pageOf struct {
	share uint64
	k     int64
}

// item is one answer.
type item struct {
	module string // the request for it; "": it is a part of a container
	share  uint64
	off    int64
	data   []byte
	leads  int // pages that lead to it
	place  *list.Element
}

func newKept(limit int64) *kept {
	return &kept{limit: limit, modules: map[string]*item{}, pages: map[pageOf]*item{}}
}

func (i *item) cost() int64 { return itemCost + int64(len(i.module)+cap(i.data)) }

func (i *item) end() int64 { return i.off + int64(len(i.data)) }

// module is the answer to a request for a module, or nil.
func (k *kept) module(request string) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := k.modules[request]
	if i == nil {
		return nil
	}
	k.used.MoveToBack(i.place)
	return i.data
}

// keepModule keeps the answer to a request for a module, instead of the one there was.
func (k *kept) keepModule(request string, answer []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dropLocked(k.modules[request])
	i := &item{module: request, data: answer}
	k.modules[request] = i
	k.addLocked(i)
}

// forgetModule is for a request that was answered otherwise now.
func (k *kept) forgetModule(request string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dropLocked(k.modules[request])
}

// part is n bytes at off of a share, in pieces, or nil.
func (k *kept) part(share uint64, off, n int64) (pieces [][]byte) {
	if off < 0 || n < 1 {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for n > 0 {
		i := k.pages[pageOf{share, off / page}]
		if i == nil || off >= i.end() {
			return nil
		}
		piece := i.data[off-i.off:]
		piece = piece[:min(n, int64(len(piece)))]
		pieces = append(pieces, piece)
		off, n = off+int64(len(piece)), n-int64(len(piece))
		k.used.MoveToBack(i.place)
	}
	return pieces
}

// keepPart keeps data, which is at off of a share: whole pages, but for the last one of
// the share.
func (k *kept) keepPart(share uint64, off int64, data []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := &item{share: share, off: off, data: data}
	for at := off; at < i.end(); at += page {
		p := pageOf{share, at / page}
		k.misleadLocked(p)
		k.pages[p] = i
		i.leads++
	}
	k.addLocked(i)
}

// misleadLocked takes a page away from the item that it leads to.
func (k *kept) misleadLocked(p pageOf) {
	i := k.pages[p]
	if i == nil {
		return
	}
	delete(k.pages, p)
	if i.leads--; i.leads == 0 {
		k.dropLocked(i)
	}
}

func (k *kept) addLocked(i *item) {
	i.place = k.used.PushBack(i)
	k.held += i.cost()
	for k.held > k.limit {
		k.dropLocked(k.used.Front().Value.(*item))
	}
}

// dropLocked forgets an item, if it is there. Who is being answered with it still gets it.
func (k *kept) dropLocked(i *item) {
	if i == nil || i.place == nil {
		return
	}
	k.used.Remove(i.place)
	i.place = nil
	k.held -= i.cost()
	if i.module != "" {
		delete(k.modules, i.module)
		return
	}
	for at := i.off; at < i.end(); at += page {
		if p := (pageOf{i.share, at / page}); k.pages[p] == i {
			delete(k.pages, p)
		}
	}
}
