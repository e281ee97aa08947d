package pattern

import "testing"

func TestLooks(t *testing.T) {
	for text, want := range map[string][2]bool{ // behind, ahead
		`abc`:      {false, false},
		`^a`:       {true, false},
		`(?m)^a`:   {true, false},
		`\Aa`:      {true, false},
		`a$`:       {false, true},
		`(?m)a$`:   {false, true},
		`a\z`:      {false, true},
		`\ba`:      {true, true},
		`a\B`:      {true, true},
		`(b|^)a`:   {true, false},
		`a+(b|$)?`: {false, true},
	} {
		p, err := Regexp(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{p.LooksBehind(), p.LooksAhead()}; got != want {
			t.Errorf("%s looks behind and ahead: %v, want %v", text, got, want)
		}
	}
	p, err := Bytes([]byte("^a$"))
	if err != nil {
		t.Fatal(err)
	}
	if p.LooksBehind() || p.LooksAhead() {
		t.Error("bytes look around")
	}
}
