package help

import (
	"path"
	"regexp"
	"strings"
)

type blockKind int

const (
	heading   blockKind = iota // level 1 or 2
	paragraph                  // text
	item                       // of a list; label is its mark or number
	picture                    // file
)

// block is a piece of the guide that stands for itself.
type block struct {
	kind  blockKind
	level int
	label string
	spans []span
	file  string // of a picture, its name without the folder
}

// span is a stretch of text in one look.
type span struct {
	text string
	bold bool
	code bool
}

func (b block) text() string {
	var all strings.Builder
	for _, s := range b.spans {
		all.WriteString(s.text)
	}
	return all.String()
}

// section is a heading and what stands below it.
type section struct {
	title  string
	blocks []block // the first is the heading
}

var (
	numbered = regexp.MustCompile(`^(\d+\.) (.*)$`)
	pictured = regexp.MustCompile(`^!\[([^\]]*)\]\(([^)]+)\)$`)
)

// parseGuide parts a guide into its sections. A paragraph and an item stand on one line each: Japanese has no space to join lines with.
func parseGuide(text string) []section {
	var sections []section
	add := func(b block) {
		if b.kind == heading || len(sections) == 0 {
			sections = append(sections, section{title: b.text()})
		}
		last := &sections[len(sections)-1]
		last.blocks = append(last.blocks, b)
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "## "):
			add(block{kind: heading, level: 2, spans: parseSpans(line[3:])})
		case strings.HasPrefix(line, "# "):
			add(block{kind: heading, level: 1, spans: parseSpans(line[2:])})
		case strings.HasPrefix(line, "- "):
			add(block{kind: item, label: "•", spans: parseSpans(line[2:])})
		case pictured.MatchString(line):
			m := pictured.FindStringSubmatch(line)
			add(block{kind: picture, file: path.Base(m[2]), spans: []span{{text: m[1]}}})
		case numbered.MatchString(line):
			m := numbered.FindStringSubmatch(line)
			add(block{kind: item, label: m[1], spans: parseSpans(m[2])})
		default:
			add(block{kind: paragraph, spans: parseSpans(line)})
		}
	}
	return sections
}

// parseSpans finds **bold** and `code`; a mark without its partner stands as it is.
func parseSpans(text string) []span {
	var spans []span
	put := func(s span) {
		if s.text != "" {
			spans = append(spans, s)
		}
	}
	for text != "" {
		at := strings.IndexAny(text, "*`")
		if at < 0 {
			break
		}
		mark := "`"
		if text[at] == '*' {
			mark = "**"
		}
		inner, rest, ok := strings.Cut(strings.TrimPrefix(text[at:], mark), mark)
		if !ok || !strings.HasPrefix(text[at:], mark) {
			put(span{text: text[:at+1]})
			text = text[at+1:]
			continue
		}
		put(span{text: text[:at]})
		put(span{text: inner, bold: mark == "**", code: mark == "`"})
		text = rest
	}
	put(span{text: text})
	return spans
}
