// Package codec turns Go values of static types into strict CBOR (RFC 8949)
// and back.
//
// A [Plan] is made once for a type: it refuses types of which something would
// be lost on the way, and says which field it was. A plan has two forms.
// Positional writes structs as arrays in the order of their fields, for two
// ends that know by a digest of [Plan.Signature] that they have the same type.
// Keyed writes structs as maps from field name to value. Types that contain
// themselves, and structs inside maps, are keyed in either form.
//
// What is decoded is checked before anything is allocated for it: duplicate,
// unknown and missing fields, null where Go has no nil, invalid UTF-8, the
// wrong kind of item, indefinite lengths, stray tags, and the limits below are
// errors that name the field. The same check runs over what was encoded, so
// that a sender never sends what its peer must refuse.
//
// Nothing here does I/O, starts a goroutine or keeps a value. The fields that
// travel beside CBOR are described by [Crossing]; moving them is up to the
// caller.
package codec

import (
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

const (
	// MaxMessage is the size of the largest message, in bytes of CBOR.
	MaxMessage = 16 << 20

	// MaxDepth is how many arrays and maps may lie inside each other.
	MaxDepth = 32

	// MaxElements is how many elements one array, or pairs one map, may have.
	MaxElements = 4 << 20

	// MaxFields is how many fields a struct may have.
	MaxFields = 512

	// MaxDecoded and DecodedFactor bound the memory that a message may decode
	// to: MaxDecoded bytes and DecodedFactor times the message's size.
	MaxDecoded    = 64 << 20
	DecodedFactor = 32
)

// Both modes allow tags because big.Int and types that marshal themselves use
// them: the checker refuses the others. The nesting limit of cbor counts tags
// and the checker does not, hence the one level more.
var (
	encMode = must(encOptions(cbor.EncTagNone).UserBufferEncMode())
	decMode = must(decOptions().DecMode())

	looseMode = must(looseOptions().DecMode())

	valueEncMode = must(encOptions(cbor.EncTagRequired).UserBufferEncModeWithTags(valueTags))
	valueDecMode = must(valueDecOptions().DecModeWithTags(valueTags))
)

// valueDecOptions leave nesting to the checker, for every tuple has a tag.
func valueDecOptions() cbor.DecOptions {
	o := decOptions()
	o.MaxNestedLevels = 2*MaxDepth + 1
	return o
}

func encOptions(timeTag cbor.EncTagMode) cbor.EncOptions {
	return cbor.EncOptions{
		Sort:          cbor.SortCoreDeterministic,
		ShortestFloat: cbor.ShortestFloatNone,
		BigIntConvert: cbor.BigIntConvertShortest,
		Time:          cbor.TimeRFC3339Nano,
		TimeTag:       timeTag,
		IndefLength:   cbor.IndefLengthForbidden,
		NilContainers: cbor.NilContainerAsNull,
		String:        cbor.StringToTextString,
		FieldName:     cbor.FieldNameToTextString,
		ByteArray:     cbor.ByteArrayToByteSlice,
		TextMarshaler: cbor.TextMarshalerTextString,
	}
}

func decOptions() cbor.DecOptions {
	return cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:   MaxDepth + 1,
		MaxArrayElements:  MaxElements,
		MaxMapPairs:       MaxElements,
		IndefLength:       cbor.IndefLengthForbidden,
		IntDec:            cbor.IntDecConvertSignedOrBigInt,
		BigIntDec:         cbor.BigIntDecodePointer,
		DefaultMapType:    reflect.TypeFor[map[any]any](),
		UTF8:              cbor.UTF8RejectInvalid,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		TextUnmarshaler:   cbor.TextUnmarshalerTextString,
	}
}

// looseOptions let unknown fields pass: the checker has looked at them.
func looseOptions() cbor.DecOptions {
	o := decOptions()
	o.ExtraReturnErrors = cbor.ExtraDecErrorNone
	return o
}

// must is for modes made of constants, which a test of any kind would find
// wrong.
func must[M any](mode M, err error) M {
	if err != nil {
		panic(err)
	}
	return mode
}
