package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// section is a part of a report, of one table.
type section struct{ title, text string }

func (s section) String() string { return headingMark + s.title + "\n\n" + s.text }

// headingMark begins a section's heading, and nothing else in a report.
const headingMark = "## "

// goalsTitle is of the section that sums up the goals of all.
const goalsTitle = "Goals"

// report is a file of sections, in the order of the tables. It is written whenever a
// section is new, so that what was measured is there if what follows is not.
type report struct {
	path     string
	place    string // where it was measured, and with what
	sections map[string]section
}

// errElsewhere is why some tables alone cannot be written into a report.
var errElsewhere = errors.New("its other tables are of another machine, or of other versions: write all tables, or into another file")

// openReport reads the report at path, or begins one. Of one from another place than
// this nothing is kept: then all tables must be measured.
func openReport(path, place string, all bool) (*report, error) {
	r := &report{path: path, place: place, sections: make(map[string]section)}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	parts := strings.Split(string(text), "\n"+headingMark)
	if !strings.Contains(parts[0], place) {
		if !all {
			return nil, fmt.Errorf("%s: %w", path, errElsewhere)
		}
		return r, nil
	}
	for _, part := range parts[1:] {
		title, text, _ := strings.Cut(part, "\n\n")
		r.sections[title] = section{title, strings.TrimRight(text, "\n") + "\n"}
	}
	return r, nil
}

// put writes the report with s in place of what it had of that title.
func (r *report) put(s section) error {
	r.sections[s.title] = s
	temp, err := os.CreateTemp(filepath.Dir(r.path), ".bench")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.WriteString(r.text(tables()))
	if err := errors.Join(err, temp.Chmod(0o644), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), r.path)
}

// text is all of the report. Sections of tables that are no more are left out.
func (r *report) text(all []table) string {
	parts := []string{introduction(r.place), r.goals(all).String()}
	for _, t := range all {
		if s, ok := r.sections[t.heading()]; ok {
			parts = append(parts, s.String())
		}
	}
	return strings.Join(parts, "\n")
}

// goals sums up the goals of all sections, and lists what is not met.
func (r *report) goals(all []table) section {
	var open, without []string
	counts := make(map[verdict]int)
	for _, t := range all {
		s, ok := r.sections[t.heading()]
		if !ok {
			without = append(without, t.name)
		}
		for line := range strings.Lines(s.text) {
			v, what := verdictOf(line)
			counts[v]++
			if v == missed || v == unmeasured {
				open = append(open, fmt.Sprintf("- %s: *%s*: %s", v, t.title, what))
			}
		}
	}
	text := fmt.Sprintf("%d are met, %d missed; %d could not be measured.\n", counts[met], counts[missed], counts[unmeasured])
	if len(without) > 0 {
		text += "Not yet here: " + strings.Join(slices.Compact(without), ", ") + ".\n"
	}
	if len(open) > 0 {
		text += "\n" + strings.Join(open, "\n") + "\n"
	}
	return section{goalsTitle, text}
}

// verdictOf is the verdict of a line of a list of goals, and the rest of that line; ""
// of another line.
func verdictOf(line string) (verdict, string) {
	for _, v := range []verdict{met, missed, unmeasured} {
		if what, ok := strings.CutPrefix(line, fmt.Sprintf("- %s: ", v)); ok {
			return v, strings.TrimSpace(what)
		}
	}
	return "", ""
}
