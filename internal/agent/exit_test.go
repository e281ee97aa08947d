package agent

import (
	"reflect"
	"testing"

	"github.com/outwork-go/outwork/internal/starter"
)

// Whatever is told of an exit comes to the manager: a field that is added to it has to cross.
func TestExitCrosses(t *testing.T) {
	var e starter.Exit
	fields := reflect.ValueOf(&e).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i); {
		case f.CanInt():
			f.SetInt(int64(i) + 3)
		case f.Kind() == reflect.Bool:
			f.SetBool(true)
		default:
			t.Fatalf("%s: set it here too", fields.Type().Field(i).Name)
		}
	}
	told := endedOf(e, []byte("last words"))
	if got := exitOf(told); got != e || string(told.Tail) != "last words" {
		t.Errorf("%+v\nbecame %+v", e, got)
	}
}
