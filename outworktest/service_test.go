package outworktest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/outworktest"
	"github.com/outwork-go/outwork/service"
)

type nameArgs struct {
	Name  string `cbor:"name" pattern:"[a-z]+"`
	Token string `cbor:"token,omitempty" secret:"true"`
}

type nameReply struct {
	Text string `cbor:"text"`
}

// Functions of a service: for a group, to be recorded, for polkit to say, for
// named users; one that asks back.
var (
	shown = outwork.Func("name.show", func(ctx context.Context, a nameArgs) (nameReply, error) {
		return nameReply{fmt.Sprintf("%s %d", a.Name, service.Caller(ctx).UID)}, nil
	})
	set = outwork.Func("name.set", func(_ context.Context, a nameArgs) (nameReply, error) {
		if a.Name == "panic" {
			panic("a secret")
		}
		return nameReply{"set " + a.Name}, nil
	})
	erase  = outwork.Func("name.erase", func(_ context.Context, a nameArgs) (nameReply, error) { return nameReply{}, nil })
	choose = outwork.Func("name.choose", func(ctx context.Context, a nameArgs) (nameReply, error) {
		return wish.Call(ctx, call.Back(ctx), a)
	})
	slow = outwork.Func("name.wait", func(ctx context.Context, a nameArgs) (nameReply, error) {
		<-ctx.Done()
		return nameReply{}, ctx.Err()
	})
	wish = outwork.Func("wish", func(_ context.Context, a nameArgs) (nameReply, error) {
		return nameReply{"I wish for " + a.Name}, nil
	})
)

const eraseAction = "org.example.namectl.erase"

func namectl() service.Service {
	return service.Service{
		Name: "namectl", Doc: "Have names.",
		API: []service.Export{
			{Function: shown, Doc: "Show a name.", Allow: service.Anyone()},
			{Function: set, Doc: "Set a name.", Allow: service.AnyOf(service.Group("namers"), service.User("alice")), Mutates: true},
			{Function: erase, Doc: "Erase a name.", Allow: service.Polkit(eraseAction), Mutates: true},
			{Function: choose, Doc: "Choose a name.", Allow: service.UID(1000), Asks: []outwork.AnyFunction{wish}},
			{Function: slow, Doc: "Wait.", Allow: service.GID(50), Mutates: true},
		},
	}
}

var (
	alice = outworktest.User{Name: "alice"}
	namer = outworktest.User{Groups: []string{"cooks", "namers"}}
	bob   = outworktest.User{UID: 1000, GIDs: []uint32{50}}
	root  = outworktest.User{Name: "root"}
)

func TestServiceDecidesByUser(t *testing.T) {
	d := outworktest.Serve(t, namectl(), outworktest.Site{})
	for _, c := range []struct {
		user    outworktest.User
		allowed bool
	}{
		{alice, true},
		{namer, true},
		{root, true},
		{bob, false},
		{outworktest.User{}, false},
		{outworktest.User{Name: "namers"}, false},
		{outworktest.User{Groups: []string{"alice"}}, false},
	} {
		_, err := set.Call(t.Context(), d.As(c.user), nameArgs{Name: "web"})
		denied, ok := errors.AsType[*service.DeniedError](err)
		if ok == c.allowed || err != nil && !ok {
			t.Errorf("%+v: %v", c.user, err)
		}
		if ok && !strings.Contains(denied.Error(), "namers") {
			t.Errorf("%+v is not told what is missing: %v", c.user, err)
		}
	}
	if _, err := choose.Call(t.Context(), d.As(alice), nameArgs{Name: "web"}); err == nil {
		t.Error("who is not uid 1000 may choose")
	}
}

func TestServiceTellsItsCaller(t *testing.T) {
	d := outworktest.Serve(t, namectl(), outworktest.Site{})
	for user, want := range map[*outworktest.User]string{&bob: "web 1000", &root: "web 0"} {
		reply, err := shown.Call(t.Context(), d.As(*user), nameArgs{Name: "web"})
		if err != nil || reply.Text != want {
			t.Errorf("got %q, %v, want %q", reply.Text, err, want)
		}
	}
}

func TestServiceRecords(t *testing.T) {
	d := outworktest.Serve(t, namectl(), outworktest.Site{})
	mine, others := d.As(alice), d.As(bob)
	for _, name := range []string{"web", "NO", "panic"} {
		set.Call(t.Context(), mine, nameArgs{Name: name, Token: "1234"})
	}
	set.Call(t.Context(), others, nameArgs{Name: "web"})
	shown.Call(t.Context(), mine, nameArgs{Name: "web"})
	var got []string
	for _, r := range d.Records() {
		if strings.Contains(r.Args, "1234") {
			t.Errorf("a record tells the secret: %+v", r)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s", r.Event, r.Function, r.Decision, r.Result))
	}
	want := []string{
		"call name.set allowed ",
		"done name.set allowed ok",
		"call name.set allowed ",
		"done name.set allowed panic",
		"denied name.set denied ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestServiceErrors(t *testing.T) {
	conn := outworktest.Serve(t, namectl(), outworktest.Site{}).As(alice)
	_, err := set.Call(t.Context(), conn, nameArgs{Name: "Web 1"})
	if e, ok := errors.AsType[*service.InvalidError](err); !ok || e.Field != "name" {
		t.Errorf("an argument that is not valid: %v", err)
	}
	_, err = set.Call(t.Context(), conn, nameArgs{Name: "panic"})
	if e, ok := errors.AsType[*service.InternalError](err); !ok || strings.Contains(err.Error(), "secret") {
		t.Errorf("a panic: %v, %v", e, err)
	}
}

func TestServiceCallsBack(t *testing.T) {
	conn := outworktest.Serve(t, namectl(), outworktest.Site{}).As(bob)
	if _, err := choose.Call(t.Context(), conn, nameArgs{Name: "rain"}); err == nil {
		t.Error("what was not granted was called back")
	}
	reply, err := choose.Call(call.WithGrants(t.Context(), wish), conn, nameArgs{Name: "rain"})
	if err != nil || reply.Text != "I wish for rain" {
		t.Errorf("got %q, %v", reply.Text, err)
	}
}

func TestServicePolicy(t *testing.T) {
	site := outworktest.Site{Policy: "rules:\n- {function: name.set, deny: {user: alice}}\n"}
	d := outworktest.Serve(t, namectl(), site)
	_, err := set.Call(t.Context(), d.As(alice), nameArgs{Name: "web"})
	if e, ok := errors.AsType[*service.DeniedError](err); !ok || !strings.Contains(e.Rule, "test.yaml:2") {
		t.Errorf("got %v", err)
	}
	if _, err := set.Call(t.Context(), d.As(namer), nameArgs{Name: "web"}); err != nil {
		t.Error(err)
	}
}

func TestServicePolkit(t *testing.T) {
	if _, err := erase.Call(t.Context(), outworktest.Serve(t, namectl(), outworktest.Site{}).As(bob), nameArgs{Name: "web"}); err == nil {
		t.Error("nobody authorized it")
	}
	answer := errors.New("polkit is away")
	d := outworktest.Serve(t, namectl(), outworktest.Site{Polkit: func(_ context.Context, who service.Identity, action string) (bool, error) {
		if action != eraseAction || who.UID != 1000 || !slices.Contains(who.Groups, 50) {
			t.Errorf("asked for %s of %+v", action, who)
		}
		return true, answer
	}})
	conn := d.As(bob)
	if _, err := erase.Call(t.Context(), conn, nameArgs{Name: "web"}); err == nil {
		t.Error("polkit did not answer, and it ran")
	}
	answer = nil
	if _, err := erase.Call(t.Context(), conn, nameArgs{Name: "web"}); err != nil {
		t.Error(err)
	}
}

func TestServiceInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := outworktest.Serve(t, namectl(), outworktest.Site{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := slow.Call(ctx, d.As(bob), nameArgs{Name: "web"})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		synctest.Wait()
		records := d.Records()
		if last := records[len(records)-1]; last.Event != "done" || last.Duration != time.Minute {
			t.Errorf("the last record is %+v", last)
		}
		slow.Go(t.Context(), d.As(bob), nameArgs{Name: "web"}) // is cancelled when the test ends
		synctest.Wait()
	})
}

func TestServiceMistakes(t *testing.T) {
	for want, serve := range map[string]func(t testing.TB){
		"Name":       func(t testing.TB) { outworktest.Serve(t, service.Service{}, outworktest.Site{}) },
		"the policy": func(t testing.TB) { outworktest.Serve(t, namectl(), outworktest.Site{Policy: "nonsense"}) },
		"has a Na": func(t testing.TB) {
			outworktest.Serve(t, namectl(), outworktest.Site{}).As(outworktest.User{Name: "a", UID: 1})
		},
	} {
		func() {
			r := &recorder{TB: t}
			defer func() {
				if recover() != r || !strings.Contains(r.fatal, want) {
					t.Errorf("want a failure that tells of %q, got %q", want, r.fatal)
				}
			}()
			serve(r)
		}()
	}
}

// What a service starts is there before it serves, and is stopped with it.
func TestServeStarts(t *testing.T) {
	began, ended := false, false
	t.Run("serving", func(t *testing.T) {
		s := namectl()
		s.Start = func(context.Context) (func() error, error) {
			began = true
			return func() error { ended = true; return nil }, nil
		}
		outworktest.Serve(t, s, outworktest.Site{})
		if !began || ended {
			t.Errorf("started: %v, stopped: %v", began, ended)
		}
	})
	if !ended {
		t.Error("it was not stopped")
	}
}
