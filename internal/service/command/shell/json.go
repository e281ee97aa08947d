package shell

import (
	"reflect"

	"github.com/outwork-go/outwork/internal/service/schema"
)

// printJSON prints all of a reply, a pointer, that does not flow.
func (j *Job) printJSON(reply reflect.Value) error {
	t := j.Reply
	if flows(t) {
		return nil
	}
	if t.Kind == schema.Struct {
		t = printed(t)
		if len(t.Fields) == 0 && len(j.Reply.Fields) > 0 {
			return nil
		}
	}
	return j.printJSONOf(t, reply)
}

// printed is t without what flows.
func printed(t *schema.Type) *schema.Type {
	out := *t
	out.Fields = nil
	for _, f := range t.Fields {
		if !flows(f.Type) {
			out.Fields = append(out.Fields, f)
		}
	}
	return &out
}

// printJSONOf prints a line, which is safe on a terminal as it is.
func (j *Job) printJSONOf(t *schema.Type, ptr reflect.Value) error {
	return write(j.Shell.Out, append(t.AppendJSON(nil, ptr.Interface(), schema.InFull), '\n'))
}
