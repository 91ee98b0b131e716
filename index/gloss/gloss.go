// Package gloss is a word list in both languages: words that mean the same, in Japanese and in English. The search finds a question's words by it in documents of the other
// language, and the recipe of the models (resources/starter/recipe) rewords questions by it. Written by hand for Kakoi; unpacked when it is first needed. Safe for concurrent use.
package gloss

import (
	"bytes"
	"compress/bzip2"
	_ "embed"
	"fmt"
	"io"
	"strings"
	"sync"

	"kakoi/core"
)

//go:embed words.txt.bz2
var packed []byte

// Line is a concept: forms that may stand for each other in their language. Japanese verbs are as they stand before ます, English words in their base form.
type Line struct {
	Japanese, English []string
}

// Lines are all of them. Not to be changed.
var Lines = sync.OnceValues(func() ([]Line, error) {
	text, err := unpack()
	if err != nil {
		return nil, err
	}
	return parse(text)
})

func unpack() (string, error) {
	text, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return "", fmt.Errorf("unpack word list: %w: %w", core.ErrCorrupt, err)
	}
	return string(text), nil
}

// parse reads lines like "賞与 = ボーナス || bonus = extra pay".
func parse(text string) ([]Line, error) {
	var out []Line
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		japanese, english, ok := strings.Cut(line, " || ")
		l := Line{forms(japanese), forms(english)}
		if !ok || len(l.Japanese) == 0 || len(l.English) == 0 {
			return nil, fmt.Errorf("word list, line %d: %q: %w", i+1, line, core.ErrCorrupt)
		}
		out = append(out, l)
	}
	return out, nil
}

func forms(side string) (out []string) {
	for _, f := range strings.Split(side, " = ") {
		if f = strings.TrimSpace(f); f != "" {
			out = append(out, f)
		}
	}
	return out
}
