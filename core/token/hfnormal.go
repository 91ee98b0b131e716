package token

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// precompiled is Hugging Face's Precompiled normaliser. It asks the table for whole graphemes of under six bytes,
// then for single characters, and takes the first key it meets, where sentencepiece takes the longest.
func (c *charsmap) precompiled(text string) string {
	var out strings.Builder
	out.Grow(len(text) + 16)
	state := -1
	for len(text) > 0 {
		// Two plain ASCII characters never share a grapheme, but for \r\n.
		var g string
		if len(text) > 1 && plain(text[0]) && text[1] < utf8.RuneSelf {
			g, text, state = text[:1], text[1:], -1
		} else {
			g, text, _, state = uniseg.FirstGraphemeClusterInString(text, state)
		}
		if len(g) < 6 {
			if norm, n := c.match([]byte(g), false); n > 0 {
				out.Write(norm)
				continue
			}
		}
		for _, r := range g {
			ch := string(r)
			if norm, n := c.match([]byte(ch), false); n > 0 {
				out.Write(norm)
			} else {
				out.WriteString(ch)
			}
		}
	}
	return out.String()
}

func plain(b byte) bool { return b >= ' ' && b < 0x7f }

// edgeSpaces matches the spaces at both ends of a text; ^ and $ would mean every line to the library.
const edgeSpaces = `\A +| +\z`

// replacer is the Replace normaliser for the patterns that conversions of sentencepiece models use.
func replacer(p *jsonPart) (func(string) string, error) {
	var pattern struct {
		String string `json:"String"`
		Regex  string `json:"Regex"`
	}
	if json.Unmarshal(p.Pattern, &pattern) != nil {
		return nil, errOther
	}
	switch {
	case pattern.String != "":
		return func(s string) string { return strings.ReplaceAll(s, pattern.String, p.Content) }, nil
	case pattern.Regex == " {2,}" || pattern.Regex == edgeSpaces:
		re := regexp.MustCompile(pattern.Regex)
		return func(s string) string { return re.ReplaceAllLiteralString(s, p.Content) }, nil
	}
	return nil, errOther
}

func strip(s string, left, right bool) string {
	if left {
		s = strings.TrimLeftFunc(s, unicode.IsSpace)
	}
	if right {
		s = strings.TrimRightFunc(s, unicode.IsSpace)
	}
	return s
}

// leadingSpace is the length of the white space text begins with.
func leadingSpace(text string) int {
	return len(text) - len(strings.TrimLeftFunc(text, unicode.IsSpace))
}

// untilSpace is the length of text before its first white space.
func untilSpace(text string) int {
	if i := strings.IndexFunc(text, unicode.IsSpace); i >= 0 {
		return i
	}
	return len(text)
}
