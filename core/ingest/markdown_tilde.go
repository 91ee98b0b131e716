package ingest

import (
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// loneTilde leaves a single ~ in the text. GFM takes two of them for struck-out text as it does pairs, but people write ranges with them, in Japanese above
// all: of "平日9時~17時、土曜9時~12時" the marks would be gone.
type loneTilde struct{}

func (t loneTilde) Extend(m goldmark.Markdown) {
	m.Parser().AddOptions(parser.WithInlineParsers(util.Prioritized(t, 400))) // before extension.Strikethrough
}

func (loneTilde) Trigger() []byte { return []byte{'~'} }

func (loneTilde) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, segment := block.PeekLine()
	if block.PrecendingCharacter() == '~' || len(line) > 1 && line[1] == '~' {
		return nil
	}
	block.Advance(1)
	return ast.NewTextSegment(segment.WithStop(segment.Start + 1))
}
