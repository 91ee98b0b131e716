package ingest

import (
	"bytes"
	"fmt"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"kakoi/core"
)

// maxMarkdownDepth of blocks or of inline elements: the parser calls itself per level, and a Go stack that overflows ends the process.
const maxMarkdownDepth = 500

// paddedCell is roughly what the parser keeps for a cell that a short row lacks.
const paddedCell = 256

var errDeepMarkdown = fmt.Errorf("elements nested deeper than %d: %w", maxMarkdownDepth, core.ErrCorrupt)

// markdownStop is what markdownGuard panics with; markdownText recovers it.
type markdownStop struct{ err error }

// markdownGuard is asked by goldmark before it opens a block, makes a table or parses a line's inline elements, and stops it when
// the time is over, the nesting too deep, or rows would be filled with too many empty cells.
type markdownGuard struct{ q *budget }

func (g markdownGuard) Extend(m goldmark.Markdown) {
	m.Parser().AddOptions(
		parser.WithBlockParsers(util.Prioritized(blockGuard{g}, 0)),
		parser.WithInlineParsers(util.Prioritized(inlineGuard{g}, 0)),
		parser.WithParagraphTransformers(util.Prioritized(g, 0)),
	)
}

func (g markdownGuard) check(ok bool, err error) {
	if !g.q.spend(0) {
		panic(markdownStop{g.q.err})
	}
	if !ok {
		panic(markdownStop{err})
	}
}

// Transform looks at a paragraph before it becomes a table.
func (g markdownGuard) Transform(p *ast.Paragraph, reader text.Reader, _ parser.Context) {
	lines, source := p.Lines(), reader.Source()
	columns := 0
	for i := range lines.Len() {
		segment := lines.At(i)
		line := segment.Value(source)
		cells := bytes.Count(line, []byte{'|'}) + 1
		switch {
		case columns == 0 && i > 0 && len(bytes.Trim(line, "|:- \t\r\n")) == 0:
			columns = cells
		case columns > cells:
			g.q.spend((columns - cells) * paddedCell)
		}
		g.check(true, nil)
	}
}

type blockGuard struct{ g markdownGuard }

func (b blockGuard) Trigger() []byte { return []byte(">-+*0123456789#`~<|[:=_") }
func (b blockGuard) Open(_ ast.Node, _ text.Reader, pc parser.Context) (ast.Node, parser.State) {
	b.g.check(len(pc.OpenedBlocks()) <= maxMarkdownDepth, errDeepMarkdown)
	return nil, parser.NoChildren
}
func (b blockGuard) Continue(ast.Node, text.Reader, parser.Context) parser.State { return parser.Close }
func (b blockGuard) Close(ast.Node, text.Reader, parser.Context)                 {}
func (b blockGuard) CanInterruptParagraph() bool                                 { return true }
func (b blockGuard) CanAcceptIndentedLine() bool                                 { return true }

type inlineGuard struct{ g markdownGuard }

func (i inlineGuard) Trigger() []byte { return []byte(" *_~([!`<") }
func (i inlineGuard) Parse(ast.Node, text.Reader, parser.Context) ast.Node {
	i.g.check(true, nil)
	return nil
}
