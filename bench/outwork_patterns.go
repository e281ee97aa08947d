package main

import (
	"context"

	"github.com/outwork-go/outwork/container"
	"github.com/outwork-go/outwork/container/pattern"
)

func outworkTexts(texts [][]byte) (finder, error) {
	p, err := pattern.Any(texts, false)
	return searchFor(p), err
}

func outworkOf(p onePattern) (finder, error) {
	compiled, err := pattern.Parse(p.name)
	return searchFor(compiled), err
}

// searchFor takes the matches of p one by one, as a user does.
func searchFor(p *pattern.Pattern) finder {
	return func(data []byte) (n int, err error) {
		c := container.FromBytes(data)
		defer c.Close()
		for _, err := range container.Search(context.Background(), c, p, container.Range{}) {
			if err != nil {
				return 0, err
			}
			n++
		}
		return n, nil
	}
}
