package link

import (
	"strings"
	"testing"

	"github.com/outwork-go/outwork/internal/frame"
	"github.com/outwork-go/outwork/internal/mux"
)

// question is an ITEM of a RELAY.
func question(r *raw, b []byte) {
	r.frame(frame.Header{Stream: 1, Kind: frame.Message, Handle: frame.Item}, append([]byte{relayAsks}, b...))
}

func questionOf(id uint32, kind uint8, text string) []byte {
	return mustBytes(&relayQuestionPlan, RelayQuestion{id, kind, text})
}

func TestQuestions(t *testing.T) {
	nothingLeft(t)
	l, r := greeted(t, mux.ManagerSide, nil, Config{})
	took := make(chan RelayQuestion, 8)
	if _, err := l.Relay(t.Context(), &Spawn{Kind: SpawnCommand, Args: []string{}, Env: []string{}, Ask: true}, nil, func(q RelayQuestion) { took <- q }); err != nil {
		t.Fatal(err)
	}
	r.until(frame.Open, frame.Relay)
	for _, q := range []RelayQuestion{
		{1, QuestionSecret, "password: "},
		{1, QuestionOver, ""},
		{2, QuestionNotice, strings.Repeat("x", MaxQuestion-16)},
		{2, QuestionOver, ""},
		{3, QuestionShown, "yes or no"},
	} {
		question(r, mustBytes(&relayQuestionPlan, q))
		if got := <-took; got != q {
			t.Errorf("got %v, want %v", got, q)
		}
	}
}

func TestHostileQuestions(t *testing.T) {
	nothingLeft(t)
	for _, c := range []struct {
		name string
		asks bool // it may
		do   func(r *raw)
	}{
		{"one that may not ask", false, func(r *raw) { question(r, questionOf(1, QuestionSecret, "?")) }},
		{"no CBOR", true, func(r *raw) { question(r, []byte{0xff}) }},
		{"empty", true, func(r *raw) { question(r, nil) }},
		{"more behind it", true, func(r *raw) { question(r, append(questionOf(1, QuestionSecret, "?"), 0)) }},
		{"an unknown kind", true, func(r *raw) { question(r, questionOf(1, QuestionOver+1, "?")) }},
		{"long", true, func(r *raw) { question(r, questionOf(1, QuestionSecret, strings.Repeat("x", MaxQuestion))) }},
		{"two at once", true, func(r *raw) {
			question(r, questionOf(1, QuestionSecret, "?"))
			question(r, questionOf(2, QuestionSecret, "?"))
		}},
		{"the end of none", true, func(r *raw) { question(r, questionOf(1, QuestionOver, "")) }},
		{"number 0", true, func(r *raw) { question(r, questionOf(0, QuestionSecret, "?")) }},
		{"the end of another", true, func(r *raw) {
			question(r, questionOf(1, QuestionSecret, "?"))
			question(r, questionOf(2, QuestionOver, ""))
		}},
		{"too many", true, func(r *raw) {
			for i := range uint32(MaxQuestions + 1) {
				question(r, questionOf(i+1, QuestionSecret, "?"))
				question(r, questionOf(i+1, QuestionOver, ""))
			}
		}},
		{"an end that says something", true, func(r *raw) {
			question(r, questionOf(1, QuestionSecret, "?"))
			question(r, questionOf(1, QuestionOver, "?"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, r := greeted(t, mux.ManagerSide, nil, Config{})
			s := &Spawn{Kind: SpawnCommand, Args: []string{}, Env: []string{}, Ask: c.asks}
			if _, err := l.Relay(t.Context(), s, nil, func(RelayQuestion) {}); err != nil {
				t.Fatal(err)
			}
			r.until(frame.Open, frame.Relay)
			c.do(r)
			want := "message"
			if c.name == "too many" {
				want = "quota"
			}
			if rule := ends(t, l); rule != want {
				t.Errorf("rule %q: %v", rule, l.Err())
			}
		})
	}
}
