package mux

// Waiter is one goroutine's wait. It may be used again after Wait has returned.
type Waiter struct {
	signaled   bool
	ended      bool          // its context has ended
	promoted   bool          // the right to read was given to it
	wait       uint64        // which wait of its Conn's this is
	ch         chan struct{} // made when it first parks
	next, prev *Waiter
	in         *waiters
}

// waiters is a queue of Waiters.
type waiters struct{ first, last *Waiter }

func (q *waiters) push(w *Waiter) {
	if w.ch == nil {
		w.ch = make(chan struct{}, 1)
	}
	w.in, w.prev, w.next = q, q.last, nil
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
}

// leave takes w out of its queue, if it is in one.
func (w *Waiter) leave() {
	q := w.in
	if q == nil {
		return
	}
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.in, w.prev, w.next = nil, nil, nil
}

func (w *Waiter) wake() {
	select {
	case w.ch <- struct{}{}:
	default: // it has a wake-up that it has not taken yet
	}
}
