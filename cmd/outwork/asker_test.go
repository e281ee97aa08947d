package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/host"
)

// asks is a program that asks about as many hosts at once as its argument says, of the
// kind that its name has, and prints the answers.
func asks() {
	outwork.Main()
	ask := terminalAsk()
	if ask == nil {
		fmt.Fprintln(os.Stdout, "nobody to ask")
		return
	}
	ctx := context.Background()
	q := host.Question{Secret: true, Text: "password:"}
	switch os.Args[1] {
	case "shown":
		q.Secret = false
	case "notice":
		q.Secret, q.Notice = false, true
	case "briefly":
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		ctx = short
	}
	n, _ := strconv.Atoi(os.Args[2])
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			q := q
			q.Host = fmt.Sprintf("ssh://db%d", i)
			answer, err := ask(ctx, q)
			fmt.Fprintf(os.Stdout, "%s: %q %v\n", q.Host, answer, err)
		})
	}
	all.Wait()
}

func TestPrompt(t *testing.T) {
	for _, test := range []struct {
		q    host.Question
		want string
	}{
		{host.Question{Host: "ssh://db1", Text: "u@db1's password:"}, "ssh://db1: u@db1's password: "},
		{host.Question{Host: "sudo://root", Text: "Password for sudo://root: "}, "Password for sudo://root: "},
		{host.Question{Host: "ssh://db1", Text: "The authenticity\nSure (yes/no)?"}, "ssh://db1:\nThe authenticity\nSure (yes/no)? "},
		{host.Question{Host: "ssh://db1", Text: "Touch the key", Notice: true}, "ssh://db1: Touch the key\n"},
		{host.Question{Host: "ssh://db1", Text: "\x1b]0;title\x07what?"}, "ssh://db1: \\x1b]0;title\\x07what? "},
	} {
		if got := prompt(test.q); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
