package ingest

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"kakoi/core"
)

// TECHLab is the splitter of the recipe Kakoi grew from: LangChain's RecursiveCharacterTextSplitter
// with its default separators, 150 characters, 20 of overlap.
var TECHLab = core.SplitSettings{
	Separators: []string{"\n\n", "\n", " ", ""},
	Size:       150,
	Overlap:    20,
}

// Recommended cuts at the ends of sentences, Japanese and English, before it cuts at the ends of lines:
// PDF pages break lines inside sentences. 300 characters hold two to four Japanese sentences, so that an answer
// and its condition ("except ...") stay together; the overlap repeats about one short sentence.
var Recommended = core.SplitSettings{
	Separators: []string{"\n\n", "。", "！", "？", "．", ".\n", ". ", "! ", "? ", "\n", "、", "，", ", ", " ", ""},
	Size:       300,
	Overlap:    40,
	KeepEnd:    true,
}

// Split cuts each page into Chunks of at most s.Size characters; a Chunk never crosses a page, and holds no
// white space at its ends. Without KeepEnd the result is that of LangChain's RecursiveCharacterTextSplitter
// (keep_separator=True, strip_whitespace=True, length_function=len): a separator begins the next piece.
// With KeepEnd a separator stays with what it ends, closing brackets included, and a heading shorter than
// an eighth of the size goes with the long text below it instead of standing alone.
//
// As in LangChain a Chunk is longer than s.Size only where the separators give no place to cut, which ""
// as the last of them rules out.
func Split(pages []core.Page, s core.SplitSettings) ([]core.Chunk, error) {
	if err := checkSplit(s); err != nil {
		return nil, err
	}
	var chunks []core.Chunk
	for _, page := range pages {
		sp := newSplitter(page.Text, s)
		for _, r := range sp.split(span{0, len(sp.offsets) - 1}, s.Separators) {
			chunks = append(chunks, core.Chunk{
				Ordinal: len(chunks), Page: page.Number,
				Start: r.start, End: r.end, Text: sp.slice(r),
			})
		}
	}
	return chunks, nil
}

func checkSplit(s core.SplitSettings) error {
	switch {
	case len(s.Separators) == 0:
		return fmt.Errorf("split settings without separators: %w", core.ErrUsage)
	case s.Size < 1 || s.Overlap < 0 || s.Overlap > s.Size:
		return fmt.Errorf("split settings of size %d, overlap %d: %w", s.Size, s.Overlap, core.ErrUsage)
	}
	return nil
}

// span is a range of characters of the page, end excluded. Pieces of one text follow each other without gaps,
// so joining them is taking the first start and the last end.
type span struct{ start, end int }

func (s span) length() int { return s.end - s.start }

type splitter struct {
	text    string
	offsets []int // byte offset of each character, and of the end
	set     core.SplitSettings
}

func newSplitter(text string, s core.SplitSettings) *splitter {
	offsets := make([]int, 0, len(text)+1)
	for i := range text {
		offsets = append(offsets, i)
	}
	return &splitter{text: text, offsets: append(offsets, len(text)), set: s}
}

func (sp *splitter) slice(r span) string { return sp.text[sp.offsets[r.start]:sp.offsets[r.end]] }

// split is LangChain's _split_text over spans.
func (sp *splitter) split(r span, separators []string) []span {
	text := sp.slice(r)
	separator, rest := separators[len(separators)-1], []string(nil)
	for i, s := range separators {
		if s == "" {
			separator = s
			break
		}
		if strings.Contains(text, s) {
			separator, rest = s, separators[i+1:]
			break
		}
	}
	var chunks, good []span
	for _, p := range sp.pieces(r, separator) {
		if p.length() < sp.set.Size {
			good = append(good, p)
			continue
		}
		if len(good) > 0 {
			head := span{good[0].start, p.start}
			if sp.set.KeepEnd && len(rest) > 0 && head.length() <= sp.set.Size/8 {
				p.start = head.start
			} else {
				chunks = append(chunks, sp.merge(good)...)
			}
			good = nil
		}
		if len(rest) == 0 {
			chunks = append(chunks, p)
		} else {
			chunks = append(chunks, sp.split(p, rest)...)
		}
	}
	return append(chunks, sp.merge(good)...)
}

// pieces cuts r at each separator; the separator begins the next piece, or with KeepEnd ends its own.
func (sp *splitter) pieces(r span, separator string) []span {
	var out []span
	if separator == "" {
		for i := r.start; i < r.end; i++ {
			out = append(out, span{i, i + 1})
		}
		return out
	}
	text, width := sp.slice(r), utf8.RuneCountInString(separator)
	start, at := r.start, r.start // at: character index of text[0]
	cut := func(end int) {
		if end > start {
			out = append(out, span{start, end})
			start = end
		}
	}
	for {
		i := strings.Index(text, separator)
		if i < 0 {
			break
		}
		at += utf8.RuneCountInString(text[:i])
		text = text[i+len(separator):]
		if !sp.set.KeepEnd {
			cut(at)
			at += width
			continue
		}
		at += width
		for {
			c, n := utf8.DecodeRuneInString(text)
			if n == 0 || !closes(c) {
				break
			}
			text, at = text[n:], at+1
		}
		cut(at)
	}
	cut(r.end)
	return out
}

func closes(c rune) bool { return unicode.In(c, unicode.Pe, unicode.Pf) }

// merge is LangChain's _merge_splits: pieces are gathered up to the size, the last ones are repeated up to the overlap.
func (sp *splitter) merge(pieces []span) []span {
	var out []span
	first, total := 0, 0 // pieces[first:i] are gathered, total characters long
	for i, p := range pieces {
		if total+p.length() > sp.set.Size {
			if first < i {
				out = sp.join(out, pieces[first:i])
				for total > sp.set.Overlap || total+p.length() > sp.set.Size && total > 0 {
					total -= pieces[first].length()
					first++
				}
			}
		}
		total += p.length()
	}
	return sp.join(out, pieces[first:])
}

// join appends the stretch of the pieces without white space at its ends, if anything is left.
func (sp *splitter) join(out []span, pieces []span) []span {
	if len(pieces) == 0 {
		return out
	}
	r := span{pieces[0].start, pieces[len(pieces)-1].end}
	for r.start < r.end && pythonSpace(sp.at(r.start)) {
		r.start++
	}
	for r.start < r.end && pythonSpace(sp.at(r.end-1)) {
		r.end--
	}
	if r.start == r.end {
		return out
	}
	return append(out, r)
}

func (sp *splitter) at(i int) rune {
	c, _ := utf8.DecodeRuneInString(sp.text[sp.offsets[i]:])
	return c
}

// pythonSpace is what str.strip() removes: Unicode white space and the four separators of ASCII.
func pythonSpace(c rune) bool { return unicode.IsSpace(c) || 0x1c <= c && c <= 0x1f }
