package proof

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"kakoi/app/paper"
	"kakoi/core"
)

const (
	margin = 52.0
	bottom = paper.Height - 50
	wide   = paper.Width - 2*margin
)

// style of a paragraph, in points.
type style struct {
	font         func(*sheet) *paper.Font
	size, line   float64
	gray, before float64
	keep         float64 // room that has to be left below for what belongs to it
}

var (
	regular = func(s *sheet) *paper.Font { return s.regular }
	bold    = func(s *sheet) *paper.Font { return s.bold }
	mono    = func(s *sheet) *paper.Font { return s.mono }

	titleStyle   = style{bold, 19, 27, 0, 0, 60}
	verdictStyle = style{bold, 12, 18.5, 0, 10, 0}
	metaStyle    = style{regular, 9, 13.5, 0.4, 3, 0}
	headStyle    = style{bold, 12.5, 18, 0, 15, 50}
	subStyle     = style{bold, 9.5, 14, 0, 9, 30}
	plainStyle   = style{regular, 10.2, 15.2, 0, 4.5, 0}
	bodyStyle    = style{regular, 8.8, 13, 0.1, 4, 0}
	smallStyle   = style{regular, 7.6, 11, 0.3, 2, 0}
	codeStyle    = style{mono, 7.2, 10.2, 0, 1, 0}
)

// sheet lays paragraphs out on pages.
type sheet struct {
	file                paper.File
	regular, bold, mono *paper.Font
	page                int
	y                   float64
	footer              string
}

func newSheet(fonts, title, lang string) (*sheet, error) {
	s := &sheet{file: paper.File{Title: title, Lang: lang}}
	for name, font := range map[string]**paper.Font{"NotoSansJP-Regular.ttf": &s.regular, "NotoSansJP-Bold.ttf": &s.bold, "Mono.ttf": &s.mono} {
		raw, err := os.ReadFile(filepath.Join(fonts, name))
		if err != nil {
			return nil, core.Explain(fmt.Errorf("read font: %w", err), "error.chat.fonts", fonts)
		}
		if *font, err = s.file.AddFont(raw); err != nil {
			return nil, fmt.Errorf("read font %s: %w", name, err)
		}
	}
	return s, nil
}

func (s *sheet) turn() { s.page, s.y = s.file.AddPage(), margin }

// room begins a page where less than height is left.
func (s *sheet) room(height float64) {
	if s.y+height > bottom {
		s.turn()
	}
}

// put writes a paragraph from left on.
func (s *sheet) put(st style, left float64, text string) {
	font := st.font(s)
	lines := paper.Wrap(font, st.size, wide-left, paper.Printable(text))
	if s.y > margin {
		s.y += st.before
	}
	s.room(min(st.line*float64(len(lines)), 3*st.line) + st.keep)
	for _, line := range lines {
		s.room(st.line)
		s.file.Text(s.page, font, st.size, st.gray, margin+left, s.y+st.size, line)
		s.y += st.line
	}
}

// marked writes a mark and beside it a paragraph.
func (s *sheet) marked(st style, left float64, mark, text string) {
	const gap = 17
	font := st.font(s)
	lines := paper.Wrap(font, st.size, wide-left-gap, paper.Printable(text))
	if s.y > margin {
		s.y += st.before
	}
	s.room(st.line * float64(min(len(lines), 3)))
	s.file.Text(s.page, s.bold, st.size, st.gray, margin+left, s.y+st.size, mark)
	for _, line := range lines {
		s.room(st.line)
		s.file.Text(s.page, font, st.size, st.gray, margin+left+gap, s.y+st.size, line)
		s.y += st.line
	}
}

// row writes cells that begin at the given places, each broken in its own column.
func (s *sheet) row(st style, at []float64, cells ...string) {
	font := st.font(s)
	tall := 1
	columns := make([][]string, len(cells))
	for i, c := range cells {
		width := wide - at[i]
		if i+1 < len(at) {
			width = at[i+1] - at[i] - 6
		}
		columns[i] = paper.Wrap(font, st.size, width, paper.Printable(c))
		tall = max(tall, len(columns[i]))
	}
	s.y += st.before
	s.room(st.line * float64(min(tall, 8)))
	for n := range tall {
		s.room(st.line)
		for i, lines := range columns {
			if n < len(lines) {
				s.file.Text(s.page, font, st.size, st.gray, margin+at[i], s.y+st.size, lines[n])
			}
		}
		s.y += st.line
	}
}

func (s *sheet) rule() {
	s.y += 5
	s.file.Rule(s.page, 0.75, margin, s.y, wide)
	s.y += 2
}

// write ends the pages with their footers.
func (s *sheet) write(ctx context.Context, w io.Writer) error {
	for p := range s.file.Pages() {
		if err := ctx.Err(); err != nil {
			return err
		}
		number := fmt.Sprintf("%d / %d", p+1, s.file.Pages())
		s.file.Text(p, s.regular, 7.5, 0.45, margin, paper.Height-28, s.footer)
		s.file.Text(p, s.regular, 7.5, 0.45, margin+wide-s.regular.Width(number, 7.5), paper.Height-28, number)
	}
	out := bufio.NewWriter(w)
	if _, err := s.file.WriteTo(out); err != nil {
		return err
	}
	return out.Flush()
}
