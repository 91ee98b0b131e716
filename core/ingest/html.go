package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"kakoi/core"
)

// declared finds the charset of an XML declaration or a meta element in the first bytes of a page.
var declared = regexp.MustCompile(`(?i)<(?:\?xml[^>]*encoding|meta[^>]*charset)\s*=\s*["']?\s*([a-z0-9_:.-]+)`)

// readHTML is the text of a page as a browser shows it, without navigation, scripts and readings (ruby); what surrounds the text stands after it.
func readHTML(q *budget, data []byte) (string, error) {
	charset := ""
	if m := declared.FindSubmatch(data[:min(len(data), 4096)]); m != nil {
		charset = string(m[1])
	}
	text, found, err := DecodeAs(data, charset)
	if err != nil {
		return "", err
	}
	q.noteLost(text, found)
	return htmlText(q, []byte(text))
}

func htmlText(q *budget, data []byte) (string, error) {
	if len(data) > 2*maxTextBytes {
		return "", fmt.Errorf("page of %d bytes: %w", len(data), errBomb)
	}
	root, err := html.Parse(contextReader{q.ctx, bytes.NewReader(data)})
	if q.ctx.Err() != nil {
		return "", q.ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("parse html: %w: %w", err, core.ErrCorrupt)
	}
	w := htmlWriter{q: q, generated: generated(root)}
	var all linkShare
	w.shares, all = shares(q, root)
	w.prose = all.text-all.linked >= someProse
	w.children(root)
	if q.err != nil {
		return "", q.err
	}
	body := w.String()
	if len(w.around) > 0 {
		body = strings.TrimRight(body, "\n") + "\n\n" + strings.Join(w.around, "\n\n")
	}
	if title := oneLine(textOf(find(root, atom.Title))); title != "" && !strings.HasPrefix(body, title) {
		body = title + "\n\n" + body
	}
	return body, nil
}

// contextReader ends with its context: the parser asks for a few kilobytes at a time.
type contextReader struct {
	ctx context.Context // of the one call this reader lives in
	r   io.Reader
}

func (c contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// htmlWriter gathers text; white space between words is one space, breaks are counted and written before the next word.
type htmlWriter struct {
	b      strings.Builder
	q      *budget
	breaks int // line ends owed
	space  bool
	broke  bool // the space owed holds a line end of the source
	last   rune
	pre    int
	// People break lines anywhere in Japanese text, programs only where there was a space.
	generated bool
	mark      int                      // length of b after a list mark: no line may end there
	numbers   map[*html.Node]int       // of the next item of each numbered list
	shares    map[*html.Node]linkShare // nil where nothing is set apart
	prose     bool                     // the page is more than links
	own       int                      // main parts that are open
	around    []string                 // what was set apart
}

func (w *htmlWriter) String() string { return w.b.String() }

func (w *htmlWriter) line(n int) {
	if w.mark > 0 && w.mark == w.b.Len() {
		return
	}
	w.breaks, w.space, w.broke = max(w.breaks, n), false, false
}

// flush writes what is owed before next. A line end between Japanese letters is no space (CSS Text 3, 4.1.3).
func (w *htmlWriter) flush(next rune) {
	if w.b.Len() > 0 {
		for range w.breaks {
			w.b.WriteByte('\n')
		}
		if w.space && w.breaks == 0 && !(w.broke && !w.generated && unspaced(w.last) && unspaced(next)) {
			w.b.WriteByte(' ')
		}
	}
	w.breaks, w.space, w.broke = 0, false, false
}

func (w *htmlWriter) text(s string) {
	if w.pre > 0 {
		if s != "" && w.q.spend(len(s)) {
			w.flush(0)
			w.b.WriteString(s)
			w.last = 0
		}
		return
	}
	for s != "" {
		word := strings.TrimLeftFunc(s, htmlSpace)
		if blank := s[:len(s)-len(word)]; blank != "" {
			w.space, w.broke = true, w.broke || strings.ContainsAny(blank, "\r\n")
		}
		s = word
		if end := strings.IndexFunc(word, htmlSpace); end >= 0 {
			word = word[:end]
		}
		if word == "" || !w.q.spend(len(word)+1) {
			return
		}
		first, _ := utf8.DecodeRuneInString(word)
		w.flush(first)
		w.b.WriteString(word)
		w.last, _ = utf8.DecodeLastRuneInString(word)
		s = s[len(word):]
	}
}

// htmlSpace: the white space that a browser collapses; U+3000 and U+00A0 are characters.
func htmlSpace(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

func (w *htmlWriter) children(n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.node(c)
	}
}

func (w *htmlWriter) node(n *html.Node) {
	if !w.q.spend(0) {
		return
	}
	if n.Type == html.TextNode {
		w.text(n.Data)
		return
	}
	if n.Type == html.ElementNode && dropped(n) {
		return
	}
	if w.shares != nil && n.Type == html.ElementNode {
		if w.own == 0 && w.apart(n) {
			w.setApart(n)
			return
		}
		if mainPart(n) {
			w.own++
			defer func() { w.own-- }()
		}
	}
	switch n.DataAtom {
	case atom.Br:
		w.breaks++
		w.space = false
	case atom.Pre, atom.Textarea:
		w.line(2)
		w.pre++
		w.children(n)
		w.pre--
		w.line(2)
	case atom.Li:
		w.line(1)
		w.flush(0)
		w.b.WriteString(w.listMark(n))
		w.last = 0
		w.mark = w.b.Len()
		w.children(n)
		w.mark = 0
		w.line(1)
	case atom.Table:
		w.line(2)
		w.table(n)
		w.line(2)
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote, atom.Hr,
		atom.Article, atom.Section, atom.Header, atom.Footer, atom.Main, atom.Aside, atom.Fieldset, atom.Dl, atom.Figure:
		w.line(2)
		w.children(n)
		w.line(2)
	case atom.Ul, atom.Ol:
		gap := 2
		if n.Parent != nil && n.Parent.DataAtom == atom.Li {
			gap = 1
		}
		w.line(gap)
		w.children(n)
		w.line(gap)
	case atom.Div, atom.Dt, atom.Dd, atom.Address, atom.Form, atom.Figcaption, atom.Caption, atom.Tr, atom.Legend,
		atom.Details, atom.Summary, atom.Option:
		w.line(1)
		w.children(n)
		w.line(1)
	default:
		w.children(n)
	}
}

// listMark is what stands before an item. Items are counted as they come: looking back from each would take for ever in a
// list of a million.
func (w *htmlWriter) listMark(n *html.Node) string {
	list := n.Parent
	if list == nil || list.DataAtom != atom.Ol {
		return "- "
	}
	number, begun := w.numbers[list]
	if !begun {
		number = 1
		if start, err := strconv.Atoi(attr(list, "start")); err == nil {
			number = start
		}
	}
	if w.numbers == nil {
		w.numbers = map[*html.Node]int{}
	}
	w.numbers[list] = number + 1
	return strconv.Itoa(number) + ". "
}

// dropped elements hold no text of the document, or text that a reader does not see.
func dropped(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Title, atom.Nav, atom.Rt, atom.Rp, atom.Rtc, atom.Svg, atom.Math,
		atom.Canvas, atom.Iframe, atom.Object, atom.Audio, atom.Video, atom.Button, atom.Select, atom.Datalist:
		return true
	}
	for _, a := range n.Attr {
		switch a.Key {
		case "hidden":
			return true
		case "aria-hidden":
			if a.Val == "true" {
				return true
			}
		case "role":
			if a.Val == "navigation" {
				return true
			}
		case "style":
			if strings.Contains(strings.ReplaceAll(strings.ToLower(a.Val), " ", ""), "display:none") {
				return true
			}
		}
	}
	return false
}

// generated says whether the page names the program that wrote it.
func generated(root *html.Node) bool {
	for d := range root.Descendants() {
		if d.DataAtom == atom.Meta && strings.EqualFold(attr(d, "name"), "generator") {
			return true
		}
	}
	return false
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func find(n *html.Node, a atom.Atom) *html.Node {
	for d := range n.Descendants() {
		if d.DataAtom == a && d.Type == html.ElementNode {
			return d
		}
	}
	return nil
}

func textOf(n *html.Node) string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
