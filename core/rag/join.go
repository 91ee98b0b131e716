package rag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"kakoi/core"
)

const (
	// Chunks are adjacent when only white space (what a splitter drops) lies between them, at most this long.
	maxGapChars = 16
	// A passage does not grow beyond this by adjacent chunks; overlapping ones are always joined.
	maxAdjacentChars = 800
)

// PageText returns the text of a page; core.ErrNotFound when the document is gone.
type PageText func(ctx context.Context, document string, page int) (string, error)

// Join makes passages of hits (best first): overlapping or adjacent chunks of a page become one passage
// with the best of their scores, and a text that several documents hold is kept once with the others' names in
// Same. Best first. Each passage's Text is the page's text from Start to End. Chunks whose document was
// removed meanwhile keep their own text.
func Join(ctx context.Context, hits []core.Hit, pageText PageText) ([]core.Passage, error) {
	var out []core.Passage
	pages := pageReader{read: pageText, texts: map[pageKey]string{}}
	for _, h := range hits {
		p := core.Passage{
			Document: h.Chunk.Document, Name: h.Name, Page: h.Chunk.Page,
			Start: h.Chunk.Start, End: h.Chunk.End, Text: h.Chunk.Text,
			Score: h.Score, Dense: h.Dense, Lexical: h.Lexical,
		}
		if n := utf8.RuneCountInString(p.Text); p.Start < 0 || p.End-p.Start != n {
			return nil, fmt.Errorf("join chunk %d of %q: %d characters at %d to %d: %w", h.Chunk.Ordinal, h.Name, n, p.Start, p.End, core.ErrCorrupt)
		}
		// A chunk may close the gap between two passages: merge until nothing touches it.
		for i := 0; i < len(out); {
			joined, ok, err := merge(ctx, out[i], p, &pages)
			if err != nil {
				return nil, err
			}
			if !ok {
				i++
				continue
			}
			p = joined
			out = slices.Delete(out, i, i+1)
			i = 0
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, byScore)
	return dropEqual(out), nil
}

// byScore leaves passages of one score, copies mostly, in the order of their hits.
func byScore(a, b core.Passage) int { return cmp.Compare(b.Score, a.Score) }

// merge joins two passages of the same page that overlap, or that are adjacent and short enough together.
func merge(ctx context.Context, a, b core.Passage, pages *pageReader) (core.Passage, bool, error) {
	if a.Document != b.Document || a.Page != b.Page {
		return a, false, nil
	}
	if b.Start < a.Start {
		a, b = b, a
	}
	gap := b.Start - a.End
	if gap >= 0 && (gap > maxGapChars || max(a.End, b.End)-a.Start > maxAdjacentChars) {
		return a, false, nil
	}
	between := ""
	if gap > 0 {
		var err error
		between, err = pages.slice(ctx, a.Document, a.Page, a.End, b.Start)
		if errors.Is(err, core.ErrNotFound) {
			return a, false, nil
		}
		if err != nil {
			return a, false, fmt.Errorf("join page %d of %q: %w", a.Page, a.Name, err)
		}
		if strings.TrimSpace(between) != "" {
			return a, false, nil
		}
	}
	if b.End > a.End {
		a.Text += between + cutRunes(b.Text, max(0, -gap))
		a.End = b.End
	}
	a.Score, a.Dense, a.Lexical = max(a.Score, b.Score), max(a.Dense, b.Dense), max(a.Lexical, b.Lexical)
	return a, true, nil
}

// cutRunes returns s without its first n characters.
func cutRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[i:]
		}
		n--
	}
	return ""
}

type pageKey struct {
	document string
	page     int
}

// pageReader reads each page at most once.
type pageReader struct {
	read  PageText
	texts map[pageKey]string
}

// slice returns characters start to end of a page.
func (r *pageReader) slice(ctx context.Context, document string, page, start, end int) (string, error) {
	key := pageKey{document, page}
	text, ok := r.texts[key]
	if !ok {
		var err error
		if text, err = r.read(ctx, document, page); err != nil {
			return "", err
		}
		r.texts[key] = text
	}
	// Walked rather than converted to []rune: a page may be a text file of many megabytes.
	n, from := 0, -1
	for i := range text {
		if n == start {
			from = i
		}
		if n == end {
			return text[from:i], nil
		}
		n++
	}
	if n == end && from >= 0 {
		return text[from:], nil
	}
	return "", fmt.Errorf("page of %d characters has no %d to %d: %w", n, start, end, core.ErrCorrupt)
}

// dropEqual keeps one of the passages (best first) that say the same: equal text, or all of it inside a better one.
func dropEqual(ps []core.Passage) []core.Passage {
	kept := ps[:0]
	var norms []string
	for _, p := range ps {
		norm := squeeze(p.Text)
		if norm == "" {
			continue
		}
		i := slices.IndexFunc(norms, func(better string) bool { return strings.Contains(better, norm) })
		if i < 0 {
			kept = append(kept, p)
			norms = append(norms, norm)
			continue
		}
		if p.Document != kept[i].Document && !slices.Contains(kept[i].Same, p.Name) {
			kept[i].Same = append(kept[i].Same, p.Name)
		}
	}
	return kept
}

// squeeze is text with its white space made single, so that line ends do not make texts differ.
func squeeze(text string) string { return strings.Join(strings.Fields(text), " ") }
