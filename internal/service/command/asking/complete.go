package asking

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/outwork-go/outwork/internal/service/command/shell"
	"github.com/outwork-go/outwork/internal/service/describe"
	"github.com/outwork-go/outwork/internal/service/schema"
)

// completeWithin is how long whoever presses the tab key waits for a service.
const completeWithin = 500 * time.Millisecond

// complete offers sockets, then functions, then their fields, as the service
// tells them.
func (c *call) complete(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	at := cmd.ArgsLenAtDash() // cobra itself puts one behind args
	if len(args) == 0 || at >= 0 && at < len(args) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	d := c.glance(cmd.Context(), args[0])
	if d == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if len(args) == 1 {
		return functions(d, begun), cobra.ShellCompDirectiveNoFileComp
	}
	return fields(d.Function(args[1]), begun)
}

// glance is what the service tells, if it does so at once.
func (t *target) glance(ctx context.Context, address string) *describe.Description {
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	conn, hangUp, err := t.connect(ctx, address)
	if err != nil {
		return nil
	}
	defer hangUp()
	d, err := ask(ctx, conn)
	if err != nil {
		return nil
	}
	return d
}

func functions(d *describe.Description, begun string) (out []cobra.Completion) {
	for i := range d.Functions {
		if f := &d.Functions[i]; strings.HasPrefix(f.Name, begun) {
			out = append(out, cobra.CompletionWithDesc(f.Name, plain(shell.FirstSentence(f.Doc))))
		}
	}
	return out
}

// fields offers "name=", and behind it the values that a field can have.
func fields(f *describe.Function, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if f == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	args, _, err := f.Types()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	directive := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	for i := range args.Fields {
		x := &args.Fields[i]
		if value, ok := strings.CutPrefix(begun, x.Name+"="); ok {
			return values(x, value), cobra.ShellCompDirectiveNoFileComp
		}
		if word := x.Name + "="; strings.HasPrefix(word, begun) {
			out = append(out, cobra.CompletionWithDesc(word, plain(x.Doc)))
		}
	}
	return out, directive
}

// values are the words that x can be, behind its name.
func values(x *schema.Field, begun string) (out []cobra.Completion) {
	words := x.Limit.Enum
	if x.Type.Kind == schema.Bool {
		words = []string{"true", "false"}
	}
	for _, word := range words {
		if strings.HasPrefix(word, begun) {
			out = append(out, plain(x.Name+"="+word))
		}
	}
	return out
}

// plain is a service's word on one line: a shell prints it.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, s)
}
