package token

import (
	"bytes"
	"unicode/utf8"
)

// space is sentencepiece's U+2581, which stands for a space in pieces.
const space = "\u2581"

// normalizer is sentencepiece's (normalizer.cc), step by step.
type normalizer struct {
	chars       *charsmap
	user        *trie // user-defined symbols, taken as they are; nil without
	dummyPrefix bool
	removeExtra bool
	escape      bool // spaces become U+2581
	suffix      bool
}

// prefix normalises the front of text: what it becomes and how many bytes it took.
func (n *normalizer) prefix(text []byte) ([]byte, int) {
	if n.user != nil {
		if length := n.user.longest(text); length > 0 {
			return text[:length], length
		}
	}
	if text[0] < utf8.RuneSelf && n.chars == nil {
		return text[:1], 1
	}
	if n.chars != nil {
		if out, length := n.chars.match(text, true); length > 0 {
			return out, length
		}
	}
	r, size := utf8.DecodeRune(text)
	if r == utf8.RuneError && size == 1 {
		return []byte("\uFFFD"), 1
	}
	return text[:size], size
}

func (n *normalizer) normalize(text string) []byte {
	in := []byte(text)
	if n.removeExtra {
		for len(in) > 0 {
			out, size := n.prefix(in)
			if string(out) != " " {
				break
			}
			in = in[size:]
		}
	}
	if len(in) == 0 {
		return nil
	}
	mark := []byte(" ")
	if n.escape {
		mark = []byte(space)
	}
	norm := make([]byte, 0, len(in)*3/2+len(mark))
	if n.dummyPrefix && !n.suffix {
		norm = append(norm, mark...)
	}
	afterSpace := n.removeExtra
	for len(in) > 0 {
		out, size := n.prefix(in)
		for afterSpace && len(out) > 0 && out[0] == ' ' {
			out = out[1:]
		}
		for _, c := range out {
			if c == ' ' {
				norm = append(norm, mark...)
			} else {
				norm = append(norm, c)
			}
		}
		if len(out) > 0 {
			afterSpace = out[len(out)-1] == ' '
		}
		afterSpace = afterSpace && n.removeExtra
		in = in[size:]
	}
	if n.removeExtra {
		for bytes.HasSuffix(norm, mark) {
			norm = norm[:len(norm)-len(mark)]
		}
	}
	if n.dummyPrefix && n.suffix {
		norm = append(norm, mark...)
	}
	return norm
}
