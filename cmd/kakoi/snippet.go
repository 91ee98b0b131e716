package main

import (
	"strings"

	"github.com/rivo/uniseg"

	"kakoi/core/rag"
)

// snippetColumns is how much of a passage a person is shown; the whole is in --json.
const snippetColumns = 160

// snippet is the part of text around its best match with query, on one line, with an ellipsis where text was left out.
func snippet(text, query string) string {
	text = sanitize(text, true)
	rs := []rune(text)
	spans := rag.Sentences(text)
	if len(spans) == 0 {
		return ""
	}
	first := 0
	if near, ok := rag.Nearest(query, text); ok {
		for first < len(spans)-1 && spans[first] != near {
			first++
		}
	}
	line := func(from, to int) string {
		return strings.Join(strings.Fields(string(rs[spans[from].Start:spans[to].End])), " ")
	}
	last := first
	if uniseg.StringWidth(line(first, last)) > snippetColumns {
		return around(line(first, first), query, first > 0, last < len(spans)-1)
	}
	for grown := true; grown; {
		grown = false
		if last+1 < len(spans) && uniseg.StringWidth(line(first, last+1)) <= snippetColumns {
			last, grown = last+1, true
		}
		if first > 0 && uniseg.StringWidth(line(first-1, last)) <= snippetColumns {
			first, grown = first-1, true
		}
	}
	out := line(first, last)
	if first > 0 {
		out = "… " + out
	}
	if last < len(spans)-1 {
		out += " …"
	}
	return out
}

// around cuts one long line to the segments (words, or characters that a line may be broken between) near the query's words.
func around(line, query string, before, after bool) string {
	parts := segments(line)
	asked := strings.ToLower(query)
	hits := make([]int, len(parts))
	for i := range parts {
		// Two segments together, since one is a single character in Japanese.
		pair := strings.ToLower(strings.TrimSpace(parts[i]))
		if i+1 < len(parts) && uniseg.StringWidth(parts[i]) == 2 {
			pair += strings.ToLower(strings.TrimSpace(parts[i+1]))
		}
		if len([]rune(pair)) > 1 && strings.Contains(asked, pair) {
			hits[i] = uniseg.StringWidth(pair)
		}
	}
	// The window with most hits; the earliest of equals.
	best, bestHits, from, width, inside := 0, -1, 0, 0, 0
	end := 0
	for to := range parts {
		width, inside = width+uniseg.StringWidth(parts[to]), inside+hits[to]
		for width > snippetColumns && from < to {
			width, inside = width-uniseg.StringWidth(parts[from]), inside-hits[from]
			from++
		}
		if inside > bestHits || inside == bestHits && from == best {
			best, bestHits, end = from, inside, to
		}
	}
	// The hits not at the very end: what follows them is often what is sought.
	lead := best
	for lead < end && hits[lead] == 0 {
		lead++
	}
	for bestHits > 0 && end+1 < len(parts) && uniseg.StringWidth(strings.Join(parts[best:lead], "")) > snippetColumns/3 {
		best++
		for end+1 < len(parts) && uniseg.StringWidth(strings.Join(parts[best:end+2], "")) <= snippetColumns {
			end++
		}
	}
	out := strings.TrimSpace(strings.Join(parts[best:end+1], ""))
	if uniseg.StringWidth(out) > snippetColumns {
		out = shorten(out, snippetColumns) // one endless word
	}
	if best > 0 || before {
		out = "… " + out
	}
	if end < len(parts)-1 || after {
		out += " …"
	}
	return out
}

// segments cuts a line where it may be broken (UAX #14).
func segments(line string) []string {
	var out []string
	state := -1
	for line != "" {
		var s string
		s, line, _, state = uniseg.FirstLineSegmentInString(line, state)
		out = append(out, s)
	}
	return out
}

// wrap breaks a line to a width, with further lines indented.
func wrap(line string, width, indent int) string {
	var out strings.Builder
	column := 0
	for _, s := range segments(line) {
		if column > indent && column+uniseg.StringWidth(strings.TrimRight(s, " ")) > width {
			out.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		}
		out.WriteString(s)
		column += uniseg.StringWidth(s)
	}
	lines := strings.Split(out.String(), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

// show prints a place and the part of its text that matters, wrapped on a terminal.
func (c *call) show(head, text, query string) string {
	line := head + snippet(text, query)
	if c.Tty.Out {
		return wrap(line, max(24, c.Tty.Width-1), 4)
	}
	return line
}
