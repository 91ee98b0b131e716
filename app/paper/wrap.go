package paper

import (
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// Printable leaves out what has no place on paper: control characters and marks that nobody sees.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), r == '\u200b', r == '\ufeff', r >= '\ufe00' && r <= '\ufe0f':
			return -1
		}
		return r
	}, s)
}

// Wrap breaks a paragraph into lines of at most width points where Unicode's rules allow it; what is too long for a line is broken
// between characters. There is always one line.
func Wrap(font *Font, size, width float64, text string) []string {
	var lines []string
	line, used := "", 0.0
	end := func() {
		lines = append(lines, strings.TrimRight(line, " "))
		line, used = "", 0
	}
	put := func(part string) {
		w := font.Width(part, size)
		// Spaces at the end of a line hang over.
		if line != "" && used+font.Width(strings.TrimRight(part, " "), size) > width {
			end()
		}
		line, used = line+part, used+w
	}
	for state := -1; text != ""; {
		var part string
		part, text, _, state = uniseg.FirstLineSegmentInString(text, state)
		if font.Width(part, size) <= width {
			put(part)
			continue
		}
		for g := uniseg.NewGraphemes(part); g.Next(); {
			put(g.Str())
		}
	}
	if line != "" || len(lines) == 0 {
		end()
	}
	return lines
}
