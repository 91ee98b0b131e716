package rag

import (
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// A list of error codes, of products or of rooms says each code once, at the beginning of a line, and what follows is of that code until the next one:
// "E3 The lamp blinks. / Remedy: put it on level ground. / E4 ...". A question about E3 is not answered by what stands under E4, however well it reads.

// codeAhead is how far from the beginning of its line, in characters, a code may begin that heads what follows ("- Error code E3").
const codeAhead = 14

// underOther says of each stretch whether it stands under another code than one that is asked for: in its passage lines begin with both, and the nearest one
// above is the other one. Codes are alike where only their digits differ.
func underOther(all []candidate, asked map[string]bool) []bool {
	out := make([]bool, len(all))
	if len(asked) == 0 {
		return out
	}
	heads := map[int][]codeHead{} // of each passage
	for i, c := range all {
		if _, known := heads[c.passage]; !known {
			heads[c.passage] = codeHeads(c.of, asked)
		}
		for _, h := range heads[c.passage] {
			if h.start <= c.span.Start {
				out[i] = !asked[h.code]
			}
		}
	}
	return out
}

// codeHead is a line that begins with a code.
type codeHead struct {
	start int // of the line, in characters of the passage
	code  string
}

// codeHeads are the lines that begin with a code like those asked for, and have no other; none where no line begins with one that is asked for.
func codeHeads(text []rune, asked map[string]bool) []codeHead {
	family := map[string]bool{}
	for code := range asked {
		family[digitless(code)] = true
	}
	var out []codeHead
	start := 0
	for line := range strings.Lines(string(text)) {
		var like []string
		for code := range newProfile(line).codes {
			if family[digitless(code)] {
				like = append(like, code)
			}
		}
		if len(like) == 1 {
			folded := strings.ToLower(norm.NFKC.String(line))
			if before, _, ok := strings.Cut(folded, like[0]); ok && len([]rune(before)) <= codeAhead {
				out = append(out, codeHead{start, like[0]})
			}
		}
		start += len([]rune(line))
	}
	if !slices.ContainsFunc(out, func(h codeHead) bool { return asked[h.code] }) {
		return nil
	}
	return out
}

var digits = regexp.MustCompile(`\p{Nd}+`)

// digitless is a code with one mark for each run of digits: "kx-200" and "kx-1000" are alike.
func digitless(code string) string { return digits.ReplaceAllString(code, "#") }
