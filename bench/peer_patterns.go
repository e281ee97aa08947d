package main

import (
	"errors"

	bobu "github.com/BobuSumisu/aho-corasick"
	coregx "github.com/coregx/ahocorasick"
)

// errPanics is what a contender does instead of what it is asked for.
var errPanics = errors.New("panics")

// coregxTexts panics where the texts are of all 256 byte values.
func coregxTexts(texts [][]byte) (find finder, err error) {
	defer func() {
		if recover() != nil {
			err = errPanics
		}
	}()
	a, err := coregx.NewBuilder().AddPatterns(texts).Build()
	if err != nil {
		return nil, err
	}
	return func(data []byte) (int, error) { return len(a.FindAllOverlapping(data)), nil }, nil
}

func bobuTexts(texts [][]byte) (finder, error) {
	trie := bobu.NewTrieBuilder().AddPatterns(texts).Build()
	return func(data []byte) (int, error) { return len(trie.Match(data)), nil }, nil
}
