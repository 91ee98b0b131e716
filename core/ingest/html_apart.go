package ingest

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// What surrounds the text of a page (site headers and footers, side columns, lists of links) stands on every page of a site. It is set apart: written
// after the text, so that it is found but stands between no two passages. Navigation that says so itself is dropped.

const (
	manyLinks  = 4    // in a block that is a list of links
	mostOfList = 2000 // characters of such a block
	someProse  = 200  // characters outside of links that a page has, before lists of links are set apart
)

// linkShare is how much of an element is the text of links, and whether it holds the title or the main part of the page.
type linkShare struct {
	text, linked, links int
	main                bool
}

// shares counts for each element that may be a list of links; all is the whole page.
func shares(q *budget, root *html.Node) (map[*html.Node]linkShare, linkShare) {
	out := map[*html.Node]linkShare{}
	var count func(n *html.Node, linked bool) linkShare
	count = func(n *html.Node, linked bool) linkShare {
		var s linkShare
		if !q.spend(0) {
			return s
		}
		if n.Type == html.TextNode {
			s.text = utf8.RuneCountInString(strings.Join(strings.Fields(n.Data), ""))
			if linked {
				s.linked = s.text
			}
			return s
		}
		if n.Type == html.ElementNode && dropped(n) {
			return s
		}
		if n.DataAtom == atom.A && attr(n, "href") != "" {
			linked, s.links = true, 1
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			inner := count(c, linked)
			s.text, s.linked, s.links = s.text+inner.text, s.linked+inner.linked, s.links+inner.links
			s.main = s.main || inner.main || c.DataAtom == atom.H1 || mainPart(c)
		}
		if n.Type == html.ElementNode && around(n) {
			out[n] = s
		}
		return s
	}
	return out, count(root, false)
}

// around says whether an element may be one that surrounds the text.
func around(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Div, atom.Ul, atom.Ol, atom.Section, atom.Dl, atom.Header, atom.Footer, atom.Aside:
		return true
	}
	return attr(n, "role") != ""
}

// apart says whether an element outside of the page's main part surrounds it.
func (w *htmlWriter) apart(n *html.Node) bool {
	s, ok := w.shares[n]
	if !ok || s.main {
		return false
	}
	switch n.DataAtom {
	case atom.Header, atom.Footer, atom.Aside:
		return true
	}
	switch attr(n, "role") {
	case "banner", "contentinfo", "complementary", "search":
		return true
	}
	return w.prose && s.links >= manyLinks && s.linked*10 >= s.text*8 && s.text <= mostOfList
}

// mainPart says whether an element is the page's own text, of which nothing is set apart.
func mainPart(n *html.Node) bool {
	return n.DataAtom == atom.Main || n.DataAtom == atom.Article || attr(n, "role") == "main"
}

// setApart writes an element for the end of the page.
func (w *htmlWriter) setApart(n *html.Node) {
	inner := htmlWriter{q: w.q, generated: w.generated}
	inner.children(n)
	if text := strings.TrimSpace(inner.String()); text != "" {
		w.around = append(w.around, text)
	}
}
