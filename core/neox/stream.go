package neox

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// textStream turns a row's bytes into text that can be shown at once: it keeps back what may still become a
// character or a stop string.
type textStream struct {
	stops   []string
	pending []byte
}

// push adds bytes and returns the text that is certain now; stopped means a stop string was found: the text
// before it is returned and the rest dropped.
func (t *textStream) push(b []byte) (text string, stopped bool) {
	t.pending = append(t.pending, b...)
	end, found := len(t.pending), false
	for _, stop := range t.stops {
		if i := bytes.Index(t.pending, []byte(stop)); stop != "" && i >= 0 && (i < end || !found) {
			end, found = i, true
		}
	}
	if found {
		text = valid(t.pending[:end])
		t.pending = nil
		return text, true
	}
	end -= t.possibleStop()
	end -= unfinished(t.pending[:end])
	text = valid(t.pending[:end])
	t.pending = append(t.pending[:0], t.pending[end:]...)
	return text, false
}

// flush returns what was kept back; half a character becomes U+FFFD.
func (t *textStream) flush() string {
	text := valid(t.pending)
	t.pending = nil
	return text
}

// possibleStop is the length of the longest end of pending with which a stop string begins.
func (t *textStream) possibleStop() int {
	longest := 0
	for _, stop := range t.stops {
		for n := min(len(stop)-1, len(t.pending)); n > longest; n-- {
			if bytes.HasSuffix(t.pending, []byte(stop[:n])) {
				longest = n
			}
		}
	}
	return longest
}

// unfinished is the length of the begun but incomplete UTF-8 character at the end of b.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return n
			}
			return 0
		}
	}
	return 0
}

func valid(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
