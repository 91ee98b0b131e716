package ingest

import (
	"fmt"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"kakoi/core"
)

// markdownText is the text of a Markdown file as a reader sees it: headings, paragraphs and list items on their own
// lines, tables as rows, code as it is, without marks, link targets, comments and the front matter (whose title is kept).
func markdownText(q *budget, source string) (out string, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case markdownStop: // the parser cannot be stopped otherwise
			out, err = "", r.err
		default:
			out, err = "", fmt.Errorf("parse markdown: %v: %w", r, core.ErrCorrupt)
		}
	}()
	source = strings.ReplaceAll(strings.TrimPrefix(source, "\ufeff"), "\r\n", "\n")
	title, body := frontMatter(source)
	raw := []byte(body)
	md := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.CJK, extension.Footnote, markdownGuard{q}, loneTilde{}))
	w := markdownWriter{q: q, source: raw}
	w.blocks(md.Parser().Parse(text.NewReader(raw)), "")
	if q.err != nil {
		return "", q.err
	}
	out = strings.Trim(w.b.String(), "\n")
	if title != "" && !strings.HasPrefix(out, title+"\n") && out != title {
		out = title + "\n\n" + out
	}
	return out, nil
}

// frontMatter takes the YAML block between "---" lines off the start and returns its title.
func frontMatter(s string) (title, body string) {
	if !strings.HasPrefix(s, "---\n") {
		return "", s
	}
	block, rest, found := strings.Cut(s[4:], "\n---\n")
	if first, _, _ := strings.Cut(block, "\n"); !found || !strings.Contains(first, ":") {
		return "", s // a rule, not front matter
	}
	for _, line := range strings.Split(block, "\n") {
		if v, ok := strings.CutPrefix(line, "title:"); ok {
			title = strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return title, rest
}

type markdownWriter struct {
	b      strings.Builder
	q      *budget
	source []byte
}

// blocks writes the block children of n, an empty line between them.
func (w *markdownWriter) blocks(n ast.Node, indent string) {
	for c := n.FirstChild(); c != nil && w.q.spend(0); c = c.NextSibling() {
		w.block(c, indent)
	}
}

func (w *markdownWriter) paragraph(indent, s string) {
	s = strings.Trim(s, "\n")
	if strings.TrimSpace(s) == "" {
		return
	}
	if w.q.spend(len(s) + (1+strings.Count(s, "\n"))*len(indent) + 2) {
		w.b.WriteString(indent + strings.ReplaceAll(s, "\n", "\n"+indent) + "\n\n")
	}
}

func (w *markdownWriter) block(n ast.Node, indent string) {
	switch n := n.(type) {
	case *ast.List:
		w.list(n, indent)
		if indent == "" {
			w.b.WriteByte('\n')
		}
	case *extast.Table:
		w.table(n, indent)
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		w.paragraph(indent, w.lines(n))
	case *ast.HTMLBlock:
		if s, err := htmlText(w.q, []byte(w.lines(n))); err == nil {
			w.q.refund(len(s))
			w.paragraph(indent, s)
		}
	case *ast.ThematicBreak, *ast.LinkReferenceDefinition:
	default:
		if n.FirstChild() != nil && n.FirstChild().Type() == ast.TypeBlock {
			w.blocks(n, indent) // a block quote
			return
		}
		w.paragraph(indent, w.inline(n))
	}
}

func (w *markdownWriter) list(n *ast.List, indent string) {
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		mark := "- "
		if n.IsOrdered() {
			mark = fmt.Sprintf("%d. ", number)
			number++
		}
		first := true
		for c := item.FirstChild(); c != nil; c = c.NextSibling() {
			if c.Kind() == ast.KindTextBlock || c.Kind() == ast.KindParagraph {
				s := strings.Trim(w.inline(c), "\n")
				pad := indent + strings.Repeat(" ", len(mark))
				if !w.q.spend(len(s) + (1+strings.Count(s, "\n"))*len(pad) + 1) {
					return
				}
				if first {
					w.b.WriteString(indent + mark)
				} else {
					w.b.WriteString(pad)
				}
				w.b.WriteString(strings.ReplaceAll(s, "\n", "\n"+pad) + "\n")
			} else {
				w.block(c, indent+"  ")
			}
			first = false
		}
	}
}

func (w *markdownWriter) table(n *extast.Table, indent string) {
	t := tableWriter{q: w.q}
	for r := n.FirstChild(); r != nil; r = r.NextSibling() {
		var cells []string
		for c := r.FirstChild(); c != nil; c = c.NextSibling() {
			cells = append(cells, w.inline(c))
		}
		if r.Kind() == extast.KindTableHeader {
			t.head(cells)
		} else {
			t.row(cells)
		}
	}
	s := t.text()
	w.q.refund(t.b.Len())
	w.paragraph(indent, s)
}

func (w *markdownWriter) lines(n ast.Node) string {
	var b strings.Builder
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		b.Write(line.Value(w.source))
	}
	return b.String()
}

func (w *markdownWriter) inline(n ast.Node) string {
	var b strings.Builder
	w.inlines(&b, n, 0)
	return b.String()
}

func (w *markdownWriter) inlines(b *strings.Builder, n ast.Node, depth int) {
	if depth > maxMarkdownDepth && w.q.err == nil {
		w.q.err = errDeepMarkdown
	}
	if !w.q.spend(0) {
		return
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.WriteString(unescape(c.Segment.Value(w.source)))
			if c.SoftLineBreak() || c.HardLineBreak() {
				b.WriteByte('\n')
			}
		case *ast.String:
			b.Write(c.Value)
		case *ast.CodeSpan:
			for t := c.FirstChild(); t != nil; t = t.NextSibling() {
				if t, ok := t.(*ast.Text); ok {
					b.Write(t.Segment.Value(w.source)) // as it is, without escapes
				}
			}
		case *ast.AutoLink:
			b.Write(c.Label(w.source))
		case *ast.RawHTML:
			if tag := strings.ToLower(string(c.Segments.Value(w.source))); strings.HasPrefix(tag, "<br") {
				b.WriteByte('\n')
			}
		case *extast.FootnoteLink, *extast.FootnoteBacklink: // the note's text stands at the end
		case *extast.TaskCheckBox:
			if c.IsChecked {
				b.WriteString("[x] ")
			} else {
				b.WriteString("[ ] ")
			}
		default:
			w.inlines(b, c, depth+1)
		}
	}
}

// unescape resolves what stands for another character: \* and &amp; and &#38;.
func unescape(raw []byte) string {
	return string(util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(raw))))
}
