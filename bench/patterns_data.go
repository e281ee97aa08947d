package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

// searchedBytes are what patterns are looked for in.
type searchedBytes struct {
	name string
	make func(size int) ([]byte, error)
}

var patternData = []searchedBytes{
	{"random bytes", func(size int) ([]byte, error) { return randomBytes(size, 1), nil }},
	{"text", func(size int) ([]byte, error) { return wordText(size), nil }},
	{"a program", programBytes},
}

// textSet is many texts, no two of them equal: one contender tells equal ones once.
type textSet struct {
	name    string
	texts   func() [][]byte
	against []string // rows that the goal is about: of random texts coregx makes nothing
}

var textSets = []textSet{
	{"words", func() [][]byte { return words()[:manyTexts] }, []string{coregxRow, bobuRow}},
	{"random texts", randomTexts, []string{bobuRow}},
}

func randomBytes(n int, seed uint64) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed)}).Read(b)
	return b
}

// words are four times as many as are looked for, of syllables, so that many begin alike.
func words() [][]byte {
	r := rand.New(rand.NewPCG(3, 4))
	syllables := strings.Fields("ab an ar be con de di er es ex for in is le li ma men mo ne on or per pre re ri se sta ten ter ti un ver")
	known := make(map[string]bool)
	var words [][]byte
	for len(words) < 4*manyTexts {
		var word strings.Builder
		for range 2 + r.IntN(3) {
			word.WriteString(syllables[r.IntN(len(syllables))])
		}
		if !known[word.String()] {
			known[word.String()] = true
			words = append(words, []byte(word.String()))
		}
	}
	return words
}

// randomTexts are of all 256 byte values.
func randomTexts() [][]byte {
	r := rand.New(rand.NewPCG(5, 6))
	b := randomBytes(manyTexts*16, 2)
	var texts [][]byte
	for text := range slices.Chunk(b, 16) {
		texts = append(texts, text[:4+r.IntN(12)])
	}
	return texts
}

// wordText is lines of words, with something for every pattern now and then.
func wordText(size int) []byte {
	r := rand.New(rand.NewPCG(7, 8))
	words := words()
	finds := []string{"someone@example.com", "Password =", "https://example.com/a", "NEEDLE in it", "MZ..--PE\r"}
	var b bytes.Buffer
	for b.Len() < size {
		if r.IntN(2000) == 0 {
			b.WriteString(finds[r.IntN(len(finds))])
		} else {
			b.Write(words[r.IntN(len(words))])
		}
		b.WriteByte(" \n"[r.IntN(20)/19])
	}
	return b.Bytes()[:size]
}

// programBytes begin like this program, again and again if it is too short.
func programBytes(size int) ([]byte, error) {
	b, err := os.ReadFile(selfExe)
	if err != nil {
		return nil, err
	}
	return bytes.Repeat(b, 1+size/len(b))[:size], nil
}
