package app

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Signs that Markdown would take for its own, in a line and at the beginning of one.
var (
	markdownSigns = regexp.MustCompile("[\\\\`*_<&~\\[\\]]")
	markdownLead  = regexp.MustCompile(`^(\s*)(#|>|[-+=~]|\d+[.)])`)
	numberedPlace = regexp.MustCompile(`\\\[(\d+)\\\]`)
)

// escapeMarkdown keeps a line as it reads; the numbers of sources stay without backslashes.
func escapeMarkdown(line string) string {
	line = markdownSigns.ReplaceAllString(line, `\$0`)
	line = numberedPlace.ReplaceAllString(line, "[$1]")
	if m := markdownLead.FindStringSubmatchIndex(line); m != nil {
		at := m[5] - 1 // before the sign, or before the dot behind a number
		line = line[:at] + `\` + line[at:]
	}
	return line
}

func writeMarkdown(w io.Writer, blocks []block) error {
	prefixes := map[blockKind]string{blockTitle: "# ", blockQuestion: "## ", blockQuote: "> "}
	var b strings.Builder
	for i, k := range blocks {
		if i > 0 {
			b.WriteString("\n")
		}
		lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(k.text, "\r\n", "\n")), "\n")
		if k.kind == blockTitle || k.kind == blockQuestion {
			lines = []string{strings.Join(strings.Fields(k.text), " ")} // a heading is one line
		}
		for j, line := range lines {
			line = escapeMarkdown(strings.TrimRight(line, " \t"))
			switch {
			case line == "": // a paragraph ends
			case k.kind == blockMeta || k.kind == blockNote:
				line = "*" + line + "*"
			case k.kind == blockSource:
				line = "**" + line + "**"
			}
			b.WriteString(prefixes[k.kind] + line)
			if j < len(lines)-1 {
				b.WriteString("  ") // a line end that stays one
			}
			b.WriteString("\n")
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write Markdown: %w", err)
	}
	return nil
}
