package link

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// records reads log records until one that is called name.
func (r *raw) records(name string) (list []Record) {
	r.t.Helper()
	for {
		h, payload := r.until(frame.Message, frame.ForwardLog)
		var rec Record
		if h.Handle == 0 {
			return list
		}
		if err := recordPlan.only(payload, &rec, "FORWARD_LOG"); err != nil {
			r.t.Fatal(err)
		}
		if list = append(list, rec); rec.Message == name {
			return list
		}
	}
}

// TestLogBackPressure: a worker whose manager does not read waits, then drops,
// and tells how many.
func TestLogBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r := greeted(t, mux.WorkerSide, nil, Config{})
		text := strings.Repeat("x", 60<<10)
		sent, began := 0, time.Now()
		for time.Since(began) < LogWait {
			l.Log(&Record{Message: text, Attrs: []Attr{}})
			sent++
		}
		if waited := time.Since(began); waited != LogWait {
			t.Errorf("it waited %v", waited)
		}
		l.Log(&Record{Message: text, Attrs: []Attr{}}) // one more is dropped
		done := make(chan bool)
		go func() {
			l.Log(&Record{Message: "last", Attrs: []Attr{}})
			close(done)
		}()
		synctest.Wait()
		list := r.records("last")
		<-done
		if got := len(list) - 1; got != sent-1 || list[got].Dropped != 2 {
			t.Errorf("%d of %d records came, and the word of %d dropped", got, sent+1, list[got].Dropped)
		}
		l.Close()
		r.close()
	})
}

// TestLogBeforeTheHandshake: records follow the HELLO, as many as there is room
// for.
func TestLogBeforeTheHandshake(t *testing.T) {
	l, r := against(t, mux.WorkerSide, nil, Config{})
	for i := range 3 {
		l.Log(&Record{Message: fmt.Sprint(i), Attrs: []Attr{}})
	}
	text := strings.Repeat("x", 60<<10)
	for range LogQueue / len(text) * 2 {
		l.Log(&Record{Message: text, Attrs: []Attr{}})
	}
	r.write(frame.Preamble())
	r.control(frame.Hello, mustBytes(&helloPlan, hello(l.cfg.Functions)))
	r.take(frame.PreambleSize)
	if h, _, _ := r.next(); h.Handle != frame.Hello {
		t.Fatalf("%s came first", h.Handle)
	}
	go l.Log(&Record{Message: "last", Attrs: []Attr{}})
	list := r.records("last")
	last := list[len(list)-1]
	if list[0].Message != "0" || list[2].Message != "2" || len(list)-4+int(last.Dropped) != LogQueue/len(text)*2 || last.Dropped == 0 {
		t.Errorf("%d records, %d dropped", len(list), last.Dropped)
	}
}

// TestLongRecords are cut to what a manager takes.
func TestLongRecords(t *testing.T) {
	long := strings.Repeat("é", 1<<20)
	many := make([]Attr, 100_000)
	for i := range many {
		many[i] = Attr{Path: []string{"some", "key"}, Text: "value"}
	}
	for name, rec := range map[string]Record{
		"message":          {Message: long, Attrs: []Attr{}},
		"source":           {Source: Source{Function: long, File: long}, Attrs: []Attr{}},
		"attributes":       {Message: "few", Attrs: []Attr{{Path: []string{long, long}, Text: long}}},
		"many attributes":  {Message: "many", Attrs: many},
		"many groups":      {Message: "deep", Attrs: []Attr{{Path: slices.Repeat([]string{"group"}, 1000)}}},
		"text of no UTF-8": {Message: "\xff\xfe", Attrs: []Attr{}},
	} {
		b, err := rec.bytes()
		if err != nil || len(b) > 2*MaxRecord {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
		if err := new(Link).onLog(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeysAreShared: all records of a logger have the keys that it was given (Logger.With).
func TestKeysAreShared(t *testing.T) {
	path := []string{"gr\xffup", "key"}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			rec := Record{Message: strings.Repeat("x", MaxRecord-6), Attrs: []Attr{{Path: path, Text: "value"}}}
			if _, err := rec.bytes(); err != nil || rec.Attrs[0].Path[0] == path[0] {
				t.Errorf("%q, %v", rec.Attrs[0].Path, err)
			}
		})
	}
	wg.Wait()
	if path[0] != "gr\xffup" || path[1] != "key" {
		t.Errorf("%q", path)
	}
}
