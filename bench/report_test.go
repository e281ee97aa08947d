package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const examplePlace = "- Machine: a machine\n- Versions: go0\n"

// exampleReport has sections of the first and the last table.
func exampleReport(t *testing.T) (*report, table, table) {
	t.Helper()
	r, err := openReport(filepath.Join(t.TempDir(), "report.md"), examplePlace, true)
	if err != nil {
		t.Fatal(err)
	}
	first, last := tables()[0], tables()[len(tables())-1]
	for _, s := range []section{
		{last.heading(), "| last |\n\n- met: this\n- not measured: that\n"},
		{first.heading(), "| first |\n\n- **missed**: this\n"},
		{"Of a table that is no more", "| gone |\n"},
	} {
		if err := r.put(s); err != nil {
			t.Fatal(err)
		}
	}
	return r, first, last
}

func TestReportKeepsOrder(t *testing.T) {
	r, first, last := exampleReport(t)
	text := contents(t, r.path)
	for _, want := range []string{
		examplePlace,
		"\n## Goals\n\n1 are met, 1 missed; 1 could not be measured.\nNot yet here: ",
		"\n- **missed**: *" + first.title + "*: this\n- not measured: *" + last.title + "*: that\n",
		"\n## " + first.heading() + "\n\n| first |\n",
		"\n## " + last.heading() + "\n\n| last |\n",
	} {
		_, rest, ok := strings.Cut(text, want)
		if !ok {
			t.Fatalf("%q is not there, or not in its place:\n%s", want, contents(t, r.path))
		}
		text = "\n" + rest
	}
	if strings.Contains(text, "gone") {
		t.Error("a table that is no more is in the report")
	}
}

// What is measured again replaces what was there, and that alone.
func TestReportReplacesSection(t *testing.T) {
	r, first, _ := exampleReport(t)
	before := contents(t, r.path)
	again, err := openReport(r.path, examplePlace, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.put(section{first.heading(), "| better |\n\n- **missed**: this\n"}); err != nil {
		t.Fatal(err)
	}
	if got, want := contents(t, r.path), strings.Replace(before, "| first |", "| better |", 1); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// Figures of two places do not stand in one report.
func TestReportFromElsewhere(t *testing.T) {
	r, first, last := exampleReport(t)
	const here = "- Machine: another\n- Versions: go0\n"
	if _, err := openReport(r.path, here, false); !errors.Is(err, errElsewhere) {
		t.Errorf("some tables: %v", err)
	}
	all, err := openReport(r.path, here, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := all.put(section{first.heading(), "| new |\n"}); err != nil {
		t.Fatal(err)
	}
	if text := contents(t, r.path); strings.Contains(text, last.heading()) || !strings.Contains(text, here) {
		t.Errorf("of another place:\n%s", text)
	}
}

// A report is read by many, and must not tell whose machine it was.
func TestPlaceNamesNoMachine(t *testing.T) {
	place := thisPlace()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(place, host) || strings.Contains(place, " /") {
		t.Errorf("%s", place)
	}
	if strings.Count(place, "\n") != 2 || strings.Contains(place, "\n"+headingMark) {
		t.Errorf("not two lines: %q", place)
	}
}

func contents(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
