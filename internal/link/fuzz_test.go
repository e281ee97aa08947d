package link

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/internal/codec"
	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/module"
	"github.com/outwork-go/outwork/internal/mux"
)

// seeds adds what the vectors hold: payloads, or whole conversations.
func seeds(f *testing.F, whole bool) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "vectors", "*.hex"))
	if err != nil || len(files) == 0 {
		f.Fatal("no vectors", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		b := unhex(f, string(text))
		if frame.CheckPreamble(b) == nil {
			b = b[frame.PreambleSize:]
		}
		if whole {
			f.Add(b)
			continue
		}
		for len(b) > 0 {
			h, err := frame.Parse(b)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b[frame.HeaderSize:][:h.Length])
			b = b[frame.HeaderSize+int(h.Length):]
		}
	}
}

// decodes checks a decoder: what it takes, it takes again after it was encoded.
func decodes[T any](t *testing.T, l *lazy[T], b []byte) {
	var v, again T
	err := l.only(b, &v, "it")
	if v, ok := errors.AsType[*frame.Violation](err); err != nil && (!ok || v.Rule != "message") {
		t.Fatal(err)
	}
	if err != nil {
		return
	}
	b, err = l.bytes(&v)
	if err == nil {
		err = l.only(b, &again, "it again")
	}
	if err != nil || !reflect.DeepEqual(v, again) {
		t.Fatalf("%+v, then %+v, %v", v, again, err)
	}
}

func FuzzMessages(f *testing.F) {
	seeds(f, false)
	f.Fuzz(func(t *testing.T, b []byte) {
		decodes(t, &helloPlan, b)
		decodes(t, &recordPlan, b)
		decodes(t, &callPlan, b)
		decodes(t, &replyPlan, b)
		decodes(t, &failurePlan, b)
		decodes(t, &progressPlan, b)
		decodes(t, &moduleRequestPlan, b)
		decodes(t, &moduleReplyPlan, b)
		decodes(t, &containerRequestPlan, b)
		decodes(t, &containerReplyPlan, b)
		decodes(t, &readPlan, b)
		decodes(t, &searchPlan, b)
		decodes(t, &searchReplyPlan, b)
		decodes(t, &hashPlan, b)
		decodes(t, &bytesReplyPlan, b)
		decodes(t, &comparePlan, b)
		decodes(t, &compareReplyPlan, b)
		decodes(t, &extentPlan, b)
		decodes(t, &extentReplyPlan, b)
		decodes(t, &levelPlan, b)
	})
}

// FuzzCallHeader compares the quick way with the general one.
func FuzzCallHeader(f *testing.F) {
	seeds(f, false)
	f.Fuzz(func(t *testing.T, b []byte) {
		var quick, general callHeader
		name, rest, err := quick.parse(b)
		generalRest, generalErr := callPlan.first(b, &general, "CALL_FUNCTION")
		if (err == nil) != (generalErr == nil) {
			t.Fatalf("%x: %v; %v", b, err, generalErr)
		}
		if err != nil {
			return
		}
		if string(name) != general.Function || string(rest) != string(generalRest) || quick.Remaining != general.Remaining ||
			quick.Parent != general.Parent || len(quick.Parts) != len(general.Parts) || len(quick.Grants) != len(general.Grants) {
			t.Fatalf("%x: %q %+v; %+v", b, name, quick, general)
		}
		var reply, generalReply replyHeader
		rest, err = reply.parse(b)
		generalRest, generalErr = replyPlan.first(b, &generalReply, "REPLY")
		if (err == nil) != (generalErr == nil) || err == nil && string(rest) != string(generalRest) {
			t.Fatalf("%x: %v; %v", b, err, generalErr)
		}
	})
}

// FuzzFailure decodes errors with a registered type.
func FuzzFailure(f *testing.F) {
	var errs Errors
	if err := errs.Register("vector", &errVector{}, "here"); err != nil {
		f.Fatal(err)
	}
	seeds(f, false)
	f.Fuzz(func(t *testing.T, b []byte) {
		var m failure
		if failurePlan.only(b, &m, "ERROR") != nil {
			return
		}
		fail := errs.decode(&m, codec.Rules{})
		if len(fail.Errs) > 2*maxKinds || fail.Message != m.Text {
			t.Fatal(fail)
		}
		_ = errors.Is(fail, fs.ErrNotExist)
	})
}

// FuzzManager is a manager's link that is told anything by its worker, while a
// call with a result of each kind waits.
func FuzzManager(f *testing.F) {
	seeds(f, true)
	f.Add(pagedConversation())
	f.Add(carriedConversation())
	f.Fuzz(func(t *testing.T, b []byte) {
		fn := all(nil)
		l, r := greeted(t, mux.ManagerSide, []*Function{fn}, Config{
			Log:     func(Record) {},
			Modules: func(lang, name string) ([]module.Module, error) { return nil, fs.ErrNotExist },
			NoFiles: true,
			Output:  func(int, []byte) {},
			Container: func(name string, _ uint64) (uint64, container.Container, error) {
				return 9, container.FromBytes([]byte(strings.Repeat(name, container.InlineMax))), nil
			},
		})
		done := make(chan error, 1)
		go func() {
			v, err := call[everything, everything](context.Background(), l, fn, everything{C: container.FromBytes(make([]byte, container.InlineMax+1))}, &Call{Grants: map[string]*Function{"all": fn}})
			if err == nil {
				consume(v)
			}
			done <- err
		}()
		r.until(frame.Open, frame.CallFunction)
		r.ignore()
		r.write(b)
		r.tr.Close()
		<-done
		<-l.Done()
		l.Close()
	})
}

// pagedConversation asks for a container, and then for parts of it.
func pagedConversation() []byte {
	rec := &recorded{}
	r := &raw{tr: rec}
	r.open(2, frame.GetContainer, mustBytes(&containerRequestPlan, containerRequest{0, "image", 0}))
	r.open(4, frame.ReadContainer, mustBytes(&readPlan, readRequest{9, 0, 5}))
	r.open(6, frame.SearchContainer, mustBytes(&searchPlan, textSearch(9, []byte("mag"), 0, container.InlineMax, 3, false)))
	r.open(8, frame.HashContainer, mustBytes(&hashPlan, hashRequest{9, 0, container.InlineMax, "sha256"}))
	r.open(10, frame.CompareContainer, mustBytes(&comparePlan, compareRequest{9, 0, 9, 5, 100}))
	r.open(12, frame.ExtentContainer, mustBytes(&extentPlan, extentRequest{9, 7}))
	for i, s := range []searchRequest{
		{Kind: 1, Texts: [][]byte{[]byte("61 [1-3] 65")}},
		{Kind: 2, Texts: [][]byte{[]byte("(?i)ma.e$")}, Back: true},
		{Kind: 3, Texts: [][]byte{[]byte("Image"), []byte("a")}, Fold: true, UTF16: true},
	} {
		s.Share, s.Before, s.To, s.Limit = 9, 1000, 1000, 5
		r.open(uint32(14+2*i), frame.SearchContainer, mustBytes(&searchPlan, s))
	}
	r.reset(6)
	return rec.bytes
}

// carriedConversation reads what was lent for the call, and answers that with a
// container.
func carriedConversation() []byte {
	rec := &recorded{}
	r := &raw{tr: rec}
	r.open(2, frame.ReadContainer, mustBytes(&readPlan, readRequest{firstLent + 1, 0, 5}))
	r.open(4, frame.Bulk, nil)
	r.message(1, frame.Reply, replyOf(part{Field: fieldC, Kind: partCarried, Stream: 4, Size: 5, Immutable: true}))
	r.data(4, []byte("bytes"), frame.End)
	return rec.bytes
}

// lentConversation calls with a container that stays at the manager, and answers what
// is asked about it.
func lentConversation() []byte {
	rec := &recorded{}
	r := &raw{tr: rec}
	r.open(1, frame.CallFunction, callOf("all", 0, part{Field: fieldC, Kind: partPaged, Size: 5, Offset: 1, Immutable: true}))
	r.message(2, frame.Reply, mustBytes(&bytesReplyPlan, bytesReply{[]byte("bytes")}))
	return rec.bytes
}

// consume reads and closes what v brings.
func consume(v everything) {
	if v.In != nil {
		io.Copy(io.Discard, v.In)
	}
	for v.S != nil {
		if _, err := v.S.end.Next(); err != nil {
			break
		}
	}
	if v.C != nil {
		v.C.ReadAt(make([]byte, 1), 0)
		v.C.Close()
	}
	v.F.Close()
}

// FuzzWorker is a worker's link that is told anything by its manager.
func FuzzWorker(f *testing.F) {
	seeds(f, true)
	f.Add(lentConversation())
	f.Fuzz(func(t *testing.T, b []byte) {
		fn := all(func(_ context.Context, a everything) (everything, error) {
			consume(a)
			return everything{Data: a.Data}, nil
		})
		hello := function("hello", func(_ context.Context, g greet) (greet, error) { return g, nil })
		l, r := greeted(t, mux.WorkerSide, []*Function{fn, hello}, Config{NoFiles: true})
		r.ignore()
		r.write(b)
		r.tr.Close()
		<-l.Done()
		l.Close()
	})
}

// FuzzService is a service's link that is told anything by its client. Whatever
// that is, nothing of it is left.
func FuzzService(f *testing.F) {
	seeds(f, true)
	for _, c := range toService {
		rec := &recorded{}
		c.do(&raw{t: f, tr: rec})
		f.Add(rec.bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, r := attacked(t, Config{Limits: Limits{Argument: 100 << 10}})
		r.ignore()
		r.write(b)
		r.tr.Close()
		<-l.Done()
		l.Close()
		if n := l.running(); n > 0 || l.decoded != 0 || len(l.bulk) > ServiceStreams {
			t.Fatalf("%d calls are left, %d bytes of arguments, %d streams", n, l.decoded, len(l.bulk))
		}
	})
}

// recorded is a Transport that keeps what is written, and has nothing to read.
type recorded struct {
	mux.Transport
	bytes []byte
}

func (r *recorded) Send(bufs [][]byte, _ []*os.File) (n int, err error) {
	for _, b := range bufs {
		r.bytes = append(r.bytes, b...)
		n += len(b)
	}
	return n, nil
}

func (r *recorded) Recv([][]byte) (int, []*os.File, error) { return 0, nil, io.EOF }
