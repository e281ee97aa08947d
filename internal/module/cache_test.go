package module_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork/internal/module"
)

func source(name, text string) module.Module {
	return module.Module{Name: name, Path: name, Source: []byte(text), Hash: sha256.Sum256([]byte(text))}
}

// manager answers after delay, and counts the questions for each name.
type manager struct {
	delay  time.Duration
	answer func(name string) ([]module.Module, error)

	mu    sync.Mutex
	asked map[string]int
}

func (m *manager) fetch(ctx context.Context, lang, name string) ([]module.Module, error) {
	m.mu.Lock()
	if m.asked == nil {
		m.asked = make(map[string]int)
	}
	m.asked[lang+":"+name]++
	m.mu.Unlock()
	select {
	case <-time.After(m.delay):
		return m.answer(name)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *manager) check(t *testing.T, question string, want int) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if got := m.asked[question]; got != want {
		t.Errorf("asked %d times for %s, want %d", got, question, want)
	}
}

func echo(name string) ([]module.Module, error) {
	return []module.Module{source(name, "text of "+name)}, nil
}

func TestCacheAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{delay: time.Second, answer: echo}
		c := module.NewCache(m.fetch)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				got, err := c.Get(t.Context(), "starlark", "a")
				if err != nil || string(got.Source) != "text of a" {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
		group.Wait()
		if _, err := c.Get(t.Context(), "starlark", "a"); err != nil {
			t.Error(err)
		}
		m.check(t, "starlark:a", 1)
		if _, err := c.Get(t.Context(), "python", "a"); err != nil {
			t.Error(err)
		}
		m.check(t, "python:a", 1)
	})
}

func TestCacheAsksForSeveralAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := module.NewCache((&manager{delay: time.Second, answer: echo}).fetch)
		start := time.Now()
		var group sync.WaitGroup
		for i := range 10 {
			group.Go(func() { c.Get(t.Context(), "starlark", fmt.Sprint(i)) })
		}
		group.Wait()
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v, want one second: the questions queued up", took)
		}
	})
}

func TestCacheOutlivesACancelledAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{delay: time.Second, answer: echo}
		c := module.NewCache(m.fetch)
		first, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := c.Get(first, "starlark", "a"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the first got %v, want its own deadline", err)
			}
		})
		synctest.Wait()
		for range 5 {
			group.Go(func() {
				if got, err := c.Get(t.Context(), "starlark", "a"); err != nil || got.Name != "a" {
					t.Errorf("another got %+v, %v", got, err)
				}
			})
		}
		group.Wait()
		m.check(t, "starlark:a", 2)
	})
}

func TestCacheWaiterLeavesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &manager{delay: time.Second, answer: echo}
		c := module.NewCache(m.fetch)
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := c.Get(t.Context(), "starlark", "a"); err != nil {
				t.Errorf("the first got %v", err)
			}
		})
		synctest.Wait()
		start := time.Now()
		second, cancel := context.WithTimeout(t.Context(), time.Second/4)
		defer cancel()
		if _, err := c.Get(second, "starlark", "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the second got %v, want its own deadline", err)
		}
		if waited := time.Since(start); waited != time.Second/4 {
			t.Errorf("the second waited %v", waited)
		}
		group.Wait()
		m.check(t, "starlark:a", 1)
	})
}

func TestCacheSharesErrorsAndForgetsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		m := &manager{delay: time.Second, answer: func(string) ([]module.Module, error) { return nil, refused }}
		c := module.NewCache(m.fetch)
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if _, err := c.Get(t.Context(), "starlark", "a"); !errors.Is(err, refused) {
					t.Errorf("got %v, want %v", err, refused)
				}
			})
		}
		group.Wait()
		m.check(t, "starlark:a", 1)
		m.answer = echo
		if _, err := c.Get(t.Context(), "starlark", "a"); err != nil {
			t.Errorf("after an error: %v", err)
		}
	})
}

func TestCacheOutlivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := module.NewCache(func(_ context.Context, _, name string) ([]module.Module, error) {
			if calls++; calls == 1 {
				time.Sleep(time.Second) // fake time: until the other one waits
				panic("fetch")
			}
			return echo(name)
		})
		var group sync.WaitGroup
		group.Go(func() {
			defer func() { _ = recover() }()
			c.Get(t.Context(), "starlark", "a")
		})
		synctest.Wait()
		if _, err := c.Get(t.Context(), "starlark", "a"); err != nil {
			t.Error(err)
		}
		group.Wait()
	})
}

func TestCacheTakesUpWhatComesAlong(t *testing.T) {
	m := &manager{answer: func(name string) ([]module.Module, error) {
		return []module.Module{source(name, "x"), source("b", "along"), {Name: "gone", Missing: true}}, nil
	}}
	c := module.NewCache(m.fetch)
	for _, test := range []struct {
		name, want string
		missing    bool
	}{{"a", "x", false}, {"b", "along", false}, {"gone", "", true}} {
		got, err := c.Get(t.Context(), "starlark", test.name)
		if err != nil || string(got.Source) != test.want || got.Missing != test.missing {
			t.Errorf("%s: got %+v, %v", test.name, got, err)
		}
	}
	m.check(t, "starlark:a", 1)
	m.check(t, "starlark:b", 0)
	m.check(t, "starlark:gone", 0)

	// The next answer brings another b, which changes nothing.
	m.answer = func(name string) ([]module.Module, error) {
		return []module.Module{source(name, "x"), source("b", "changed")}, nil
	}
	c.Get(t.Context(), "starlark", "c")
	if got, _ := c.Get(t.Context(), "starlark", "b"); string(got.Source) != "along" {
		t.Errorf("b became %q", got.Source)
	}
}

func TestCacheRemembersAbsence(t *testing.T) {
	m := &manager{answer: func(name string) ([]module.Module, error) {
		return []module.Module{{Name: name, Missing: true}}, nil
	}}
	c := module.NewCache(m.fetch)
	for range 3 {
		if got, err := c.Get(t.Context(), "starlark", "a"); err != nil || !got.Missing {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	m.check(t, "starlark:a", 1)
}

func TestCacheRefusesAnswers(t *testing.T) {
	forged := source("b", "true")
	forged.Source = []byte("forged")
	large := source("b", strings.Repeat("#", module.MaxSource+1))
	for _, test := range []struct {
		name    string
		modules []module.Module
		want    string
	}{
		{"empty", nil, "it is empty"},
		{"for another", []module.Module{source("b", "")}, `it is for "b"`},
		{"too many", make([]module.Module, module.MaxModules+1), "it has 257 modules, more than 256"},
		{"forged", []module.Module{source("a", ""), forged}, `"b": source does not match its hash`},
		{"too large", []module.Module{source("a", ""), large}, `"b": source is larger than 4 MiB`},
		{"missing with a source", []module.Module{{Name: "a", Missing: true, Source: []byte("x")}}, `"a": it is missing and has a source`},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &manager{answer: func(string) ([]module.Module, error) { return test.modules, nil }}
			c := module.NewCache(m.fetch)
			for range 2 {
				_, err := c.Get(t.Context(), "starlark", "a")
				if want := `answer for module "a": ` + test.want; err == nil || err.Error() != want {
					t.Errorf("got %v, want %s", err, want)
				}
			}
			m.check(t, "starlark:a", 2)
		})
	}
}

func TestCacheIsBounded(t *testing.T) {
	text := strings.Repeat("#", module.MaxSource)
	m := &manager{answer: func(name string) ([]module.Module, error) {
		return []module.Module{source(name, text)}, nil
	}}
	c := module.NewCache(m.fetch)
	const most = module.MaxCache / module.MaxSource
	get := func(i int) {
		if _, err := c.Get(t.Context(), "starlark", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range most {
		get(i)
	}
	get(most - 1)
	m.check(t, fmt.Sprint("starlark:", most-1), 1)
	get(0)
	m.check(t, "starlark:0", 2)
}

// A manager and a worker together: a whole tree in one question.
func TestTreeIsOneQuestion(t *testing.T) {
	s := module.NewServer(tree(map[string]string{
		"main": `load("a", "x")`, "a": `load("b", "x")`, "b": `load("gone", "x")`,
	}))
	questions := 0
	c := module.NewCache(func(_ context.Context, lang, name string) ([]module.Module, error) {
		questions++
		return s.Get(lang, name)
	})
	for _, name := range []string{"main", "a", "b", "gone"} {
		if _, err := c.Get(t.Context(), "starlark", name); err != nil {
			t.Error(err)
		}
	}
	if questions != 1 {
		t.Errorf("%d questions, want 1", questions)
	}
}
