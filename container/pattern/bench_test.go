package pattern

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// benchData are 10 MiB: random bytes, words, and a program, this test itself.
func benchData(b *testing.B) map[string][]byte {
	const size = 10 << 20
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, size)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	var text strings.Builder
	words := benchWords(4000)
	for text.Len() < size {
		text.Write(words[r.IntN(len(words))])
		text.WriteByte(" \n"[r.IntN(20)/19])
	}
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		b.Fatal(err)
	}
	for len(program) < size {
		program = append(program, program...)
	}
	return map[string][]byte{"random": random, "text": []byte(text.String())[:size], "program": program[:size]}
}

// benchWords are made of syllables, so that many begin alike.
func benchWords(n int) (words [][]byte) {
	r := rand.New(rand.NewPCG(3, 4))
	syllables := strings.Fields("ab an ar be con de di er es ex for in is le li ma men mo ne on or per pre re ri se sta ten ter ti un ver")
	for range n {
		var word strings.Builder
		for range 2 + r.IntN(3) {
			word.WriteString(syllables[r.IntN(len(syllables))])
		}
		words = append(words, []byte(word.String()))
	}
	return words
}

// BenchmarkSearch goes through 10 MiB.
func BenchmarkSearch(b *testing.B) {
	for kind, data := range benchData(b) {
		for _, text := range []string{
			"needle in it", "i:Needle In It", "iutf16:Needle", "hex:4D 5A ?? [2-6] 50 45 0D", "hex:4? ?? 5A ?7 01 ?? 9?",
			"re:needle[a-z]+", `re:[a-z]+@[a-z]+\.com`, `re:(?i)password\s*=`, `re:\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`,
			`re:https?://[^\s"]+`, `re:[\x80-\xff]{24}MZ`, `re:(?s)foo.*bar`, `re:.{50}qqzz`,
		} {
			p, err := Parse(text)
			benchmark(b, kind+"/"+text, must(b, p, err), data)
		}
		for name, texts := range map[string][][]byte{"1000 words": benchWords(1000), "1000 random": randomTexts(1000)} {
			for _, fold := range []bool{false, true} {
				p, err := Any(texts, fold)
				if fold {
					name += ", any case"
				}
				benchmark(b, kind+"/"+name, must(b, p, err), data)
			}
		}
	}
}

func randomTexts(n int) (texts [][]byte) {
	r := rand.New(rand.NewPCG(5, 6))
	for range n {
		text := make([]byte, 4+r.IntN(12))
		for i := range text {
			text[i] = byte(r.Uint32())
		}
		texts = append(texts, text)
	}
	return texts
}

func benchmark(b *testing.B, name string, p *Pattern, data []byte) {
	b.Run(strings.ReplaceAll(name, "/", ":"), func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		src := Source{Window: 1 << 20, With: func(off, n int64, fn func([]byte) error) error { return fn(data[off : off+n]) }}
		found := 0
		for b.Loop() {
			found = 0
			for range p.Search(b.Context(), src, Span{Before: int64(len(data)), To: int64(len(data))}) {
				found++
			}
		}
		b.ReportMetric(float64(found), "matches")
	})
}
