package app

import (
	"context"
	"fmt"
	"unicode/utf8"

	"kakoi/core"
	headings "kakoi/core/outline"
)

// maxSectionChars of a section are shown; of a longer one, those around the passage.
const maxSectionChars = 6000

// Section is the part of a document that a passage stands in, under its heading, and what it says: of a long one the part around the passage.
//
// Errors: core.ErrNotFound when the document has been removed.
func (l *Library) Section(ctx context.Context, collection string, p core.Passage) (headings.Section, string, error) {
	c, err := l.Collection(ctx, collection)
	if err != nil {
		return headings.Section{}, "", err
	}
	pages, err := l.Store.Pages(ctx, c.ID, p.Document)
	if err != nil {
		return headings.Section{}, "", fmt.Errorf("section in %q: %w", p.Name, err)
	}
	s := headings.SectionOf(pages, headings.Place{Page: p.Page, Char: p.Start})
	text := s.Text(pages)
	if utf8.RuneCountInString(text) <= maxSectionChars {
		return s, text, nil
	}
	near := s // the half of it before the passage, on its page, and what follows
	near.From = headings.Place{Page: p.Page, Char: max(0, p.Start-maxSectionChars/2)}
	if s.From.Page == p.Page {
		near.From.Char = max(near.From.Char, s.From.Char)
	}
	rs := []rune(near.Text(pages))
	return s, string(rs[:min(len(rs), maxSectionChars)]), nil
}
