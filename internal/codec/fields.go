package codec

import (
	"reflect"
	"strings"
)

// structNode makes the node of a struct. Only the fields of the top one may
// travel beside the CBOR.
func (b *builder) structNode(t reflect.Type, top bool) (*node, error) {
	if t.NumField() > MaxFields {
		return nil, refuse("a struct of more than %d fields cannot cross", MaxFields)
	}
	n := &node{kind: kindStruct, typ: t, fields: make([]field, 0, t.NumField())}
	if t.NumField() > fewFields {
		n.byKey = make(map[string]int, t.NumField())
	}
	b.nodes = append(b.nodes, n)
	for i := range t.NumField() {
		if err := b.field(n, i, top); err != nil {
			return nil, below("."+t.Field(i).Name, err)
		}
	}
	return n, nil
}

// field adds the i-th field of n's type to n, if it crosses.
func (b *builder) field(n *node, i int, top bool) error {
	sf := n.typ.Field(i)
	f, crosses, err := parseField(sf)
	if err != nil || !crosses {
		return err
	}
	f.index = i
	if k, ok := besideKind(sf.Type); ok && top {
		if f.node, err = besideNode(sf.Type, k); err != nil {
			return err
		}
	} else if f.node, err = b.node(sf.Type); err != nil {
		return err
	}
	f.optional = f.option != "" || f.node.kind == kindPointer
	if _, dup := n.find([]byte(f.key)); dup {
		return refuse("another field is called %q too", f.key)
	}
	if n.byKey != nil {
		n.byKey[f.key] = len(n.fields)
	}
	n.fields = append(n.fields, f)
	if f.node.kind != kindBeside {
		n.inside++
	}
	return nil
}

// parseField reads the name and tag of a field. One that is left out on purpose does
// not cross.
func parseField(sf reflect.StructField) (f field, crosses bool, err error) {
	tag, tagged := fieldTag(sf)
	name, options, _ := strings.Cut(tag, ",")
	for option := range strings.SplitSeq(options, ",") {
		if option == "toarray" || option == "keyasint" {
			return f, false, refuse("the tag option %s is not for types that cross", option)
		}
	}
	switch {
	case sf.Tag.Get("cbor") == "-" || sf.Name == "_":
		return f, false, nil
	case tag == "-":
		return f, false, refuse(`it is left out of JSON: tag it cbor:"-" to leave it out here too, or cbor:",omitempty" to keep it`)
	case sf.Anonymous && name == "" && embedsStruct(sf.Type):
		return f, false, refuse(`an embedded struct cannot cross: give it a field name, or a name by a cbor tag`)
	case !sf.IsExported():
		return f, false, refuse(`an unexported field cannot cross: export it, or tag it cbor:"-"`)
	}
	f = field{name: sf.Name, key: sf.Name}
	if tagged && name != "" {
		f.key = name
	}
	f.option = omitOption(options)
	return f, true, nil
}

// fieldTag is the tag that cbor goes by: its own, else the one of JSON.
func fieldTag(sf reflect.StructField) (tag string, tagged bool) {
	if tag = sf.Tag.Get("cbor"); tag == "" {
		tag = sf.Tag.Get("json")
	}
	return tag, tag != ""
}

func omitOption(options string) string {
	for o := range strings.SplitSeq(options, ",") {
		if o == "omitempty" || o == "omitzero" {
			return o
		}
	}
	return ""
}

func embedsStruct(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}
