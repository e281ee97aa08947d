package describe

import (
	"slices"
	"strconv"
	"strings"

	"github.com/outwork-go/outwork/internal/service/schema"
)

// at says which part is looked at: `argument "list[].name"`, or the whole.
func (d *differ) at(side, path string) {
	d.field = side
	if path != "" {
		d.field += " " + strconv.Quote(path)
	}
}

// types compares the types at a path. Ranges are compared by field, which speaks
// for itself and its elements: told is how many levels of elements it yet speaks
// for, and less than 0 below.
func (d *differ) types(side, path string, before, after *schema.Type, told int) {
	d.at(side, path)
	switch {
	case !sameKind(before.Kind, after.Kind):
		d.breaks("the type was changed: %s, before %s", typeWords(after), typeWords(before))
	case before.Kind == schema.Struct:
		d.structs(side, path, before, after)
	case before.Elem != nil:
		d.types(side, path+"[]", before.Elem, after.Elem, told-1)
	case d.reply || told < 0:
		d.width(before, after)
	}
}

// sameKind reports whether values of one are encoded as those of the other,
// and meant so.
func sameKind(a, b schema.Kind) bool {
	integer := func(k schema.Kind) bool { return k == schema.Int || k == schema.Uint }
	return a == b || integer(a) && integer(b)
}

// width finds numbers of a result that a client of before has no room for, and
// of an argument that the service has none for.
func (d *differ) width(before, after *schema.Type) {
	if before.Kind != schema.Int && before.Kind != schema.Uint && before.Kind != schema.Float {
		return
	}
	var any schema.Limit
	oldLeast, oldMost := before.Bounds(&any)
	least, most := after.Bounds(&any)
	switch {
	case !d.reply && (least > oldLeast || most < oldMost):
		d.breaks("the type was narrowed: %s to %s, before %s to %s",
			after.Number(least), after.Number(most), before.Number(oldLeast), before.Number(oldMost))
	case d.reply && (least < oldLeast || most > oldMost):
		d.breaks("the type was widened: %s to %s, which clients that take %s to %s cannot hold",
			after.Number(least), after.Number(most), before.Number(oldLeast), before.Number(oldMost))
	}
}

func (d *differ) structs(side, path string, before, after *schema.Type) {
	for i := range before.Fields {
		f := &before.Fields[i]
		where := join(path, f.Name)
		now := after.Field(f.Name)
		if d.at(side, where); now == nil {
			d.breaks("the field was removed")
			continue
		}
		d.fields(f, now)
		d.types(side, where, f.Type, now.Type, 1)
	}
	for i := range after.Fields {
		f := &after.Fields[i]
		if before.Field(f.Name) != nil {
			continue
		}
		d.at(side, join(path, f.Name))
		d.newField(f)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// newField tells of a field that was not there. One in a result is skipped by
// clients that do not know it.
func (d *differ) newField(f *schema.Field) {
	switch {
	case d.reply:
		d.tells("the field is new")
	case f.Optional:
		d.tells("the field is new, and optional")
	default:
		d.breaks("the field is new, and required")
	}
}

// fields compares what two fields of one name say besides their types' parts.
func (d *differ) fields(before, after *schema.Field) {
	if before.Doc != after.Doc {
		d.tells("the doc was changed")
	}
	d.presence(before, after)
	switch {
	case before.Secret && !after.Secret:
		d.breaks("it is no longer secret: it would be recorded")
	case !before.Secret && after.Secret:
		d.tells("it is secret now")
	}
	if !sameKind(before.Type.Kind, after.Type.Kind) || !sameKind(before.Subject().Kind, after.Subject().Kind) {
		return // types tells it
	}
	if !d.reply {
		d.commandLine(before, after)
	}
	d.numbers(before, after)
	d.lengths(before, after)
	d.pattern(before, after)
	d.enum(before, after)
	d.files(before, after)
}

// presence compares whether a field may be left out, and be null.
func (d *differ) presence(before, after *schema.Field) {
	null := func(f *schema.Field) bool { return f.Pointer && f.Omit == "" }
	switch {
	case !d.reply && before.Optional && !after.Optional:
		d.breaks("it was optional, and is required")
	case d.reply && !before.Optional && after.Optional:
		d.breaks("it was in every result, and may be absent")
	case before.Optional != after.Optional && d.reply:
		d.tells("it may have been absent, and is in every result")
	case before.Optional != after.Optional:
		d.tells("it was required, and is optional")
	case !d.reply && null(before) && !after.Pointer, d.reply && null(after) && !before.Pointer:
		d.breaks("it is no pointer in one of the versions, and null is not the same as absent: tag it omitempty in both")
	}
}

// commandLine compares how the command takes an argument.
func (d *differ) commandLine(before, after *schema.Field) {
	switch {
	case before.Position != after.Position && before.Position >= 0, before.Rest != after.Rest:
		d.breaks("its place on the command line was changed: %s, before %s", label(after), label(before))
	case before.Position != after.Position:
		d.tells("it is positional on the command line now")
	}
	switch {
	case before.Default == after.Default:
	case after.Default == "" && !after.Optional:
		d.breaks("it has no default any more, before %s: the command must be given it", before.Default)
	case after.Default == "":
		d.tells("it has no default any more, before %s", before.Default)
	case before.Default == "":
		d.tells("it has a default now: %s", after.Default)
	default:
		d.tells("the default was changed: %s, before %s", after.Default, before.Default)
	}
}

// narrowed tells of a bound that was moved: "at most 63 characters, before 253".
// Only that of an argument breaks a client, as results are not checked.
func (d *differ) narrowed(narrower bool, now, before string) {
	how := "widened"
	if narrower {
		how = "narrowed"
	}
	d.add(narrower && !d.reply, "the range was %s: %s, before %s", how, now, before)
}

func (d *differ) numbers(before, after *schema.Field) {
	was, is := before.Subject(), after.Subject()
	if numberKind := is.Kind; numberKind != schema.Int && numberKind != schema.Uint &&
		numberKind != schema.Float && numberKind != schema.Duration {
		return
	}
	oldLeast, oldMost := was.Bounds(&before.Limit)
	least, most := is.Bounds(&after.Limit)
	if least != oldLeast {
		d.narrowed(least > oldLeast, "at least "+is.Number(least), was.Number(oldLeast))
	}
	if most != oldMost {
		d.narrowed(most < oldMost, "at most "+is.Number(most), was.Number(oldMost))
	}
}

func (d *differ) lengths(before, after *schema.Field) {
	if least, was := orZero(after.Limit.MinLen), orZero(before.Limit.MinLen); least != was {
		d.narrowed(least > was, "at least "+strconv.Itoa(least)+" "+unit(after.Type, least), strconv.Itoa(was))
	}
	switch most, was := after.Limit.MaxLen, before.Limit.MaxLen; {
	case most == nil && was == nil:
	case most == nil:
		d.narrowed(false, "any number of "+unit(after.Type, 0), "at most "+strconv.Itoa(*was))
	case was == nil:
		d.narrowed(true, "at most "+strconv.Itoa(*most)+" "+unit(after.Type, *most), "any number")
	case *most != *was:
		d.narrowed(*most < *was, "at most "+strconv.Itoa(*most)+" "+unit(after.Type, *most), strconv.Itoa(*was))
	}
}

func orZero(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// pattern takes any other pattern for a narrower one: which of two matches more
// is not looked into.
func (d *differ) pattern(before, after *schema.Field) {
	switch now, was := after.Limit.Pattern, before.Limit.Pattern; {
	case now == was:
	case now == "":
		d.tells("the range was widened: any text, before matching %s", clean(was))
	case was == "":
		d.narrowed(true, "matching "+clean(now), "any text")
	default:
		d.add(!d.reply, "the pattern was changed: %s, before %s", clean(now), clean(was))
	}
}

// enum compares the values that may be. A client of an argument misses those
// that are gone; one of a result does not know those that are new.
func (d *differ) enum(before, after *schema.Field) {
	was, is := before.Limit.Enum, after.Limit.Enum
	switch gone, more := without(was, is), without(is, was); {
	case was == nil && is == nil:
	case was == nil:
		d.add(!d.reply, "the range was narrowed: one of %s, before any value", list(is))
	case is == nil:
		d.add(d.reply, "the range was widened: any value, before one of %s", list(was))
	default:
		if len(gone) > 0 {
			d.add(!d.reply, "values were removed: %s", list(gone))
		}
		if len(more) > 0 {
			d.add(d.reply, "values were added: %s", list(more))
		}
	}
}

// files compares the kinds of file that may be.
func (d *differ) files(before, after *schema.Field) {
	if before.Type.Kind != schema.File || after.Type.Kind != schema.File {
		return
	}
	was, is := before.TakesFiles(), after.TakesFiles()
	if gone := without(was, is); len(gone) > 0 {
		d.add(!d.reply, "kinds of file were removed: %s", list(gone))
	}
	if more := without(is, was); len(more) > 0 {
		d.add(d.reply, "kinds of file were added: %s", list(more))
	}
}

// without is what of a is not in b.
func without(a, b []string) []string {
	var left []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			left = append(left, s)
		}
	}
	return left
}

func list(words []string) string { return clean(strings.Join(words, ", ")) }
