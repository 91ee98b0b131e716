package outline

import (
	"strings"
	"unicode/utf8"

	"kakoi/core"
)

// Place is a character of a page.
type Place struct{ Page, Char int }

func (p Place) before(o Place) bool { return p.Page < o.Page || p.Page == o.Page && p.Char < o.Char }

// Section is the part of a document that stands under one heading, with the parts below it.
type Section struct {
	Titles   []string // the headings above, outermost first, its own last; none where the document has no heading above
	From, To Place    // To is one past the last character; on the last page or in the middle of one
}

// SectionOf gives the section in which a character stands. Without a heading above it, it is what comes before the document's first heading.
// Pages are those of one document, in order.
func SectionOf(pages []core.Page, at Place) Section {
	var s Section
	var open []heading
	rank := 0
	for i, p := range pages {
		if i == 0 {
			s.From = Place{p.Number, 0}
		}
		for _, h := range headings(p.Text) {
			here := Place{p.Number, h.start}
			if at.before(here) {
				if len(open) > 0 && h.rank > rank { // a part of it
					continue
				}
				s.To = here
				return s
			}
			open = enter(open, h)
			s.From, rank = here, h.rank
			s.Titles = s.Titles[:0]
			for _, o := range open {
				s.Titles = append(s.Titles, o.text)
			}
		}
		s.To = Place{p.Number, utf8.RuneCountInString(p.Text)}
	}
	return s
}

// Text is what a section says, its pages one after the other.
func (s Section) Text(pages []core.Page) string {
	var parts []string
	for _, p := range pages {
		if p.Number < s.From.Page || p.Number > s.To.Page {
			continue
		}
		rs := []rune(p.Text)
		from, to := 0, len(rs)
		if p.Number == s.From.Page {
			from = min(s.From.Char, to)
		}
		if p.Number == s.To.Page {
			to = min(max(from, s.To.Char), to)
		}
		if text := strings.TrimSpace(string(rs[from:to])); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n")
}
