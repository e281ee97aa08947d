package confine

import (
	"fmt"
	"testing"
)

var acts = map[string]func(Report, string){
	"nothing": func(Report, string) {},
	"report":  func(r Report, _ string) { fmt.Println(r) },
}

func TestReport(t *testing.T) {
	users(t, func(t *testing.T, as uint32) {
		for _, level := range []string{Strict, Contained} {
			t.Run(level, func(t *testing.T) {
				t.Log(good(t, as, &Policy{Level: level}, "report"))
			})
		}
	})
}
