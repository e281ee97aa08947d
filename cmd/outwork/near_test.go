package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNearHost(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".ssh", "config"), []byte("Host database web-*\nHost bastion\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const unknown = "Could not resolve hostname x: Name or service not known"
	for _, test := range []struct{ text, hop, want string }{
		{unknown, "ssh://databsae", ": did you mean ssh://database?"},
		{unknown, "ssh://deploy@bastoin:2222", ": did you mean ssh://deploy@bastion:2222?"},
		{unknown, "ssh://database", ""},
		{unknown, "ssh://frobnicate", ""},
		{unknown, "ssh://web-1", ""},
		{unknown, "docker://databsae", ""},
		{"Connection refused", "ssh://databsae", ""},
	} {
		if got := nearHost(test.text, test.hop); got != test.text+test.want {
			t.Errorf("%s: %q", test.hop, got)
		}
	}
}
