package chat

import (
	"strings"
	"unicode/utf8"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/rag"
	"kakoi/ui/place"
)

// Piece is a stretch of an answer in one look.
type Piece struct {
	Text   string
	Cite   int  // a marker [n] that opens source n; 0: text
	Unsure bool // a sentence without support
}

// source is a place that an answer rests on.
type source struct {
	name string
	at   place.Document
	text string
}

// sourcesOf numbers the places that an answer cites, each once, in the order of its sentences. The second result has the numbers of a
// sentence.
func sourcesOf(collection string, a core.Answer) ([]source, map[string][]int) {
	var out []source
	numbers := map[place.Document]int{}
	of := map[string][]int{}
	for _, c := range a.Citations {
		at := place.Document{Collection: collection, ID: c.ID, Page: c.Page, Start: c.Start, End: c.End}
		n, ok := numbers[at]
		if !ok {
			out = append(out, source{c.Document, at, c.Text})
			n = len(out)
			numbers[at] = n
		}
		if !has(of[c.Sentence], n) {
			of[c.Sentence] = append(of[c.Sentence], n)
		}
	}
	return out, of
}

func has(list []int, n int) bool {
	for _, v := range list {
		if v == n {
			return true
		}
	}
	return false
}

const (
	chunkChars = 1500 // a stretch ends with the sentence that passes this
	chunkMost  = 2000 // or here, wherever that is
)

// chunk is the length in bytes of the first stretch of a text, and whether it stays so however the text goes on.
func chunk(text string) (n int, final bool) {
	chars := 0
	for i, r := range text {
		chars++
		next := i + utf8.RuneLen(r)
		if r == utf8.RuneError {
			next = i + 1
		}
		if chars >= chunkMost || chars >= chunkChars && (r == '\n' || strings.ContainsRune("。！？.!?", r)) {
			return next, true
		}
	}
	return len(text), false
}

// pieces puts the markers after the sentences that have sources, and marks those without.
func pieces(text string, of map[string][]int, unsupported map[string]bool) []Piece {
	if len(of) == 0 && len(unsupported) == 0 {
		return []Piece{{Text: text}}
	}
	var out []Piece
	add := func(p Piece) {
		if p.Text != "" {
			out = append(out, p)
		}
	}
	rs := []rune(text)
	at := 0
	for _, s := range rag.Sentences(text) {
		sentence := string(rs[s.Start:s.End])
		add(Piece{Text: string(rs[at:s.Start])})
		add(Piece{Text: sentence, Unsure: unsupported[sentence]})
		for _, n := range of[sentence] {
			add(Piece{Text: marker(n), Cite: n})
		}
		at = s.End
	}
	add(Piece{Text: string(rs[at:])})
	return out
}

func marker(n int) string {
	digits := ""
	for ; n > 0; n /= 10 {
		digits = string(rune('0'+n%10)) + digits
	}
	return "[" + digits + "]"
}

// growing is the text of an answer that is being given, in stretches of which only the last still changes.
type growing struct {
	whole  []string // stretches that stay
	rest   string
	done   *record.Given // it is stored; the other one of a comparison may still be coming
	length int
}

func (g *growing) add(text string) {
	g.length += len(text)
	g.rest += text
	for {
		n, final := chunk(g.rest)
		if !final {
			return
		}
		g.whole = append(g.whole, g.rest[:n])
		g.rest = g.rest[n:]
	}
}

// WithSources is an answer as it is copied: the text with its markers, then the places.
func (m *Model) WithSources(turn, given string) string {
	s := m.step(turn)
	if s == nil {
		return ""
	}
	g, _, ok := s.Given(given)
	if !ok {
		return ""
	}
	list, of := sourcesOf(s.Collection, g.Answer)
	var b strings.Builder
	for _, p := range pieces(g.Answer.Text, of, nil) {
		b.WriteString(p.Text)
	}
	if len(list) > 0 {
		b.WriteString("\n\n" + m.shell.Text("chat.sources") + "\n")
	}
	for i, src := range list {
		b.WriteString(marker(i+1) + " " + m.place(src.name, src.at.Page) + ": " + oneLine(src.text, 400) + "\n")
	}
	return b.String()
}

// place names a page: "rules.pdf p.12".
func (m *Model) place(name string, page int) string {
	return m.shell.Text("chat.place", name, page)
}

// oneLine is a text without line ends, at most n characters.
func oneLine(text string, n int) string {
	rs := []rune(strings.Join(strings.Fields(text), " "))
	if len(rs) > n {
		return string(rs[:n]) + "…"
	}
	return string(rs)
}
