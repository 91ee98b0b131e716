package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"kakoi/app/paper"
	"kakoi/core"
)

// look of a kind of block, in points.
type look struct {
	bold       bool
	size, line float64
	gray       float64
	indent     float64
	before     float64 // space above
	keepNext   bool    // not the last thing on a page
}

var looks = map[blockKind]look{
	blockTitle:    {bold: true, size: 17, line: 25, before: 0, keepNext: true},
	blockMeta:     {size: 8, line: 12, gray: 0.45, before: 5},
	blockQuestion: {bold: true, size: 11.5, line: 18, before: 20, keepNext: true},
	blockAnswer:   {size: 10.5, line: 17.5, before: 7},
	blockNote:     {size: 9, line: 14, gray: 0.3, before: 6},
	blockSource:   {bold: true, size: 8.5, line: 13, before: 8, indent: 12, keepNext: true},
	blockQuote:    {size: 8.5, line: 13.5, gray: 0.2, before: 2, indent: 12},
}

const (
	margin = 56.0
	bottom = paper.Height - margin
)

// sheet lays blocks out on pages.
type sheet struct {
	file          paper.File
	regular, bold *paper.Font
	page          int
	y             float64
}

func writePDF(ctx context.Context, w io.Writer, blocks []block, fonts, title, lang string) error {
	s := &sheet{file: paper.File{Title: title, Lang: lang}}
	for name, font := range map[string]**paper.Font{"NotoSansJP-Regular.ttf": &s.regular, "NotoSansJP-Bold.ttf": &s.bold} {
		raw, err := os.ReadFile(filepath.Join(fonts, name))
		if err != nil {
			return core.Explain(fmt.Errorf("read font: %w", err), "error.chat.fonts", fonts)
		}
		if *font, err = s.file.AddFont(raw); err != nil {
			return fmt.Errorf("read font %s: %w", name, err)
		}
	}
	s.turn()
	for _, k := range blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.block(k)
	}
	for p := range s.file.Pages() {
		number := fmt.Sprintf("%d / %d", p+1, s.file.Pages())
		s.file.Text(p, s.regular, 8, 0.45, (paper.Width-s.regular.Width(number, 8))/2, paper.Height-margin/2, number)
	}
	out := bufio.NewWriter(w)
	if _, err := s.file.WriteTo(out); err != nil {
		return err
	}
	return out.Flush()
}

func (s *sheet) turn() { s.page, s.y = s.file.AddPage(), margin }

func (s *sheet) block(k block) {
	l := looks[k.kind]
	font := s.regular
	if l.bold {
		font = s.bold
	}
	need := l.before + l.line
	if l.keepNext {
		need += 3 * l.line
	}
	if s.y+need > bottom {
		s.turn()
	} else if s.y > margin {
		s.y += l.before
	}
	if k.kind == blockQuestion && s.y > margin {
		s.file.Rule(s.page, 0.8, margin, s.y-8, paper.Width-2*margin)
		s.y += 6
	}
	for _, paragraph := range strings.Split(strings.TrimSpace(k.text), "\n") {
		for _, line := range paper.Wrap(font, l.size, paper.Width-2*margin-l.indent, paper.Printable(paragraph)) {
			if s.y+l.line > bottom {
				s.turn()
			}
			s.file.Text(s.page, font, l.size, l.gray, margin+l.indent, s.y+l.size, line)
			s.y += l.line
		}
	}
}
