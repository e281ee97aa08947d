package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/outwork-go/outwork/bench/internal/reading"
	"github.com/outwork-go/outwork/bench/internal/stat"
)

// patternsName names the tables of patterns.
const patternsName = "patterns"

const (
	patternBytes = 10 << 20 // searched
	manyTexts    = 1000     // searched for at once
)

// Rows of the patterns.
const (
	coregxRow = "coregx/ahocorasick"
	bobuRow   = "BobuSumisu/aho-corasick"
	floorRow  = "bytes.Index, of one text"
	regexpRow = "package regexp"
)

// finder counts every match in data.
type finder func(data []byte) (int, error)

// onePattern is looked for alone. Its floor is one text of it.
type onePattern struct {
	name  string // as outwork's command takes it
	floor string // nothing for a regular expression
}

func (p onePattern) column() string { return "`" + p.name + "`" }

var onePatterns = []onePattern{
	{"i:Needle In It", "Needle In It"},
	{"hex:4D 5A ?? [2-6] 50 45 0D", "PE\r"},
	{`re:[a-z]+@[a-z]+\.com`, ""},
	{`re:(?i)password\s*=`, ""},
	{`re:https?://[^\s"]+`, ""},
}

// patternTables are one for each set of many texts, and one for each kind of bytes that
// single patterns are looked for in.
func patternTables() []table {
	var tables []table
	for _, set := range textSets {
		tables = append(tables, manyTable(set))
	}
	for _, d := range patternData {
		tables = append(tables, oneTable(d))
	}
	return tables
}

func manyTable(set textSet) table {
	t := table{
		name:  patternsName,
		title: "Patterns: 1,000 " + set.name + " at once, every match in 10 MiB",
		note: "Making the automaton is not timed. outwork tells matches one by one, in order of their offsets; " +
			"the others collect all of them in memory, by where they end. The text is of 4,000 words, with the 1,000 among them. " +
			"The program is an ELF file's first bytes.",
		modes: []mode{free},
		probes: []probe{
			manyProbe(coregxRow, set, coregxTexts),
			manyProbe(bobuRow, set, bobuTexts),
			manyProbe(outworkRow, set, outworkTexts),
		},
		subject: outworkRow,
	}
	for _, d := range patternData {
		t.metrics = append(t.metrics, metric{d.name, "ms"})
		for _, row := range set.against {
			t.goals = append(t.goals, goal{row: outworkRow, column: d.name, of: row, atMost: 1.5})
		}
	}
	return t
}

// manyProbe measures a contender, which prepare makes of texts.
func manyProbe(row string, set textSet, prepare func(texts [][]byte) (finder, error)) probe {
	return probe{name: set.name + ": " + row, run: func(j job) (readings []reading.Reading, err error) {
		find, unable := prepare(set.texts())
		if unable != nil && !errors.Is(unable, errPanics) {
			return nil, unable
		}
		for _, d := range patternData {
			r := reading.Reading{Row: row, Metric: d.name}
			if unable != nil {
				r.Instead = unable.Error()
			} else if r.Value, err = matchMillis(find, d, j.Budget); err != nil {
				return nil, fmt.Errorf("%s: %w", d.name, err)
			}
			readings = append(readings, r)
		}
		return readings, nil
	}}
}

func oneTable(d searchedBytes) table {
	t := table{
		name:  patternsName,
		title: "Patterns: one pattern, every match in 10 MiB of " + d.name,
		note:  "bytes.Index looks for one text that the pattern has, in the same case: it is the floor. Package regexp reads UTF-8, outwork bytes.",
		modes: []mode{free},
		probes: []probe{
			oneProbe(floorRow, d, floorOf),
			oneProbe(regexpRow, d, regexpOf),
			oneProbe(outworkRow, d, outworkOf),
		},
		subject: outworkRow,
	}
	for _, p := range onePatterns {
		t.metrics = append(t.metrics, metric{p.column(), "ms"})
	}
	return t
}

// oneProbe measures a contender, which prepare makes of a pattern: nil of one that it has
// nothing for.
func oneProbe(row string, d searchedBytes, prepare func(onePattern) (finder, error)) probe {
	return probe{name: d.name + ": " + row, run: func(j job) (readings []reading.Reading, err error) {
		for _, p := range onePatterns {
			find, err := prepare(p)
			if err != nil {
				return nil, err
			}
			if find == nil {
				continue
			}
			took, err := matchMillis(find, d, j.Budget)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			readings = append(readings, reading.Reading{Row: row, Metric: p.column(), Value: took})
		}
		return readings, nil
	}}
}

func floorOf(p onePattern) (finder, error) {
	if p.floor == "" {
		return nil, nil
	}
	return func(data []byte) (int, error) { return bytes.Count(data, []byte(p.floor)), nil }, nil
}

func regexpOf(p onePattern) (finder, error) {
	expr, ok := strings.CutPrefix(p.name, "re:")
	if !ok {
		return nil, nil
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	return func(data []byte) (int, error) { return len(re.FindAllIndex(data, -1)), nil }, nil
}

// matchMillis is the median of the milliseconds that find takes for d, within budget or
// once. Before each time the garbage of the last one is collected.
func matchMillis(find finder, d searchedBytes, budget time.Duration) (float64, error) {
	data, err := d.make(patternBytes)
	if err != nil {
		return 0, err
	}
	var took []time.Duration
	for began := time.Now(); len(took) == 0 || time.Since(began) < budget; {
		runtime.GC()
		once, err := reading.Duration(func() error {
			_, err := find(data)
			return err
		})
		if err != nil {
			return 0, err
		}
		took = append(took, once)
	}
	return reading.Millis(stat.Median(took)), nil
}
