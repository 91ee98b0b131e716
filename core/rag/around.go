package rag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kakoi/core"
)

// around gives the chunks within n of the hits, each once, in the order in which the hits ask for them.
func (a *Asker) around(ctx context.Context, hits []core.Hit, n int) ([]core.Chunk, error) {
	var out []core.Chunk
	if n <= 0 {
		return nil, nil
	}
	for _, h := range hits {
		near, err := a.Search.Around(ctx, h.Chunk, n)
		if errors.Is(err, core.ErrNotFound) { // removed meanwhile
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("passages around %q: %w", h.Name, err)
		}
		for _, c := range near {
			if !slices.ContainsFunc(out, func(o core.Chunk) bool { return o.Document == c.Document && o.Ordinal == c.Ordinal }) {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// widen lets passages (best first) grow by the chunks around their hits: by one before and one behind each, the best passage first, again and again, as
// long as fits says that there is room. What overlaps or touches becomes one passage, so no text is there twice.
func (a *Asker) widen(ctx context.Context, passages []core.Passage, near []core.Chunk, fits func([]core.Passage) (bool, error)) ([]core.Passage, error) {
	pages := &pageReader{read: a.Search.PageText, texts: map[pageKey]string{}}
	now := slices.Clone(passages)
	type end struct {
		document string
		page, at int
		before   bool
	}
	closed := map[end]bool{} // ends where nothing more goes
	for grown := true; grown; {
		grown = false
		for i := 0; i < len(now); i++ {
			for _, before := range []bool{true, false} {
				if i >= len(now) {
					break
				}
				p := now[i]
				at := end{p.Document, p.Page, p.End, before}
				if before {
					at.at = p.Start
				}
				c, ok := beside(p, near, before)
				if !ok || closed[at] {
					continue
				}
				wider, err := a.grow(ctx, now, i, c, pages)
				if err != nil {
					return nil, err
				}
				room := wider != nil
				if room {
					if room, err = fits(wider); err != nil {
						return nil, err
					}
				}
				if !room {
					closed[at] = true
					continue
				}
				now, grown = wider, true
			}
		}
	}
	return now, nil
}

// beside is the chunk with which a passage grows at one of its ends: it overlaps it or is near it, and goes beyond.
func beside(p core.Passage, near []core.Chunk, before bool) (best core.Chunk, ok bool) {
	for _, c := range near {
		if c.Document != p.Document || c.Page != p.Page || c.End+maxGapChars < p.Start || c.Start > p.End+maxGapChars {
			continue
		}
		if before && c.Start < p.Start && (!ok || c.Start > best.Start) || !before && c.End > p.End && (!ok || c.End < best.End) {
			best, ok = c, true
		}
	}
	return best, ok
}

// grow is the passages with a chunk put to the i-th; nil when more than white space lies between, or the document is gone.
func (a *Asker) grow(ctx context.Context, passages []core.Passage, i int, c core.Chunk, pages *pageReader) ([]core.Passage, error) {
	p := passages[i]
	start, end := min(p.Start, c.Start), max(p.End, c.End)
	text, err := pages.slice(ctx, p.Document, p.Page, start, end)
	if errors.Is(err, core.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("widen passage of %q: %w", p.Name, err)
	}
	rs := []rune(text)
	gap := ""
	if c.Start > p.End {
		gap = string(rs[p.End-start : c.Start-start])
	} else if c.End < p.Start {
		gap = string(rs[c.End-start : p.Start-start])
	}
	if strings.TrimSpace(gap) != "" {
		return nil, nil
	}
	p.Start, p.End, p.Text = start, end, text
	// Others that it has reached are in it now.
	out := make([]core.Passage, 0, len(passages))
	place := -1
	for j, o := range passages {
		if j != i && (o.Document != p.Document || o.Page != p.Page || o.End < p.Start || o.Start > p.End) {
			out = append(out, o)
			continue
		}
		if place < 0 {
			place = len(out)
			out = append(out, p)
		}
		if j == i {
			continue
		}
		if p.Start > o.Start || p.End < o.End {
			p.Start, p.End = min(p.Start, o.Start), max(p.End, o.End)
			if p.Text, err = pages.slice(ctx, p.Document, p.Page, p.Start, p.End); err != nil {
				return nil, fmt.Errorf("widen passage of %q: %w", p.Name, err)
			}
		}
		p.Score, p.Dense, p.Lexical = max(p.Score, o.Score), max(p.Dense, o.Dense), max(p.Lexical, o.Lexical)
		for _, name := range o.Same {
			if !slices.Contains(p.Same, name) {
				p.Same = append(slices.Clone(p.Same), name)
			}
		}
	}
	out[place] = p
	return dropEqual(out), nil
}
