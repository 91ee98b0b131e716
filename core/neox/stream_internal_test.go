package neox

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextStream(t *testing.T) {
	cases := []struct {
		name    string
		stops   []string
		pieces  []string
		want    []string // after each piece, then of flush
		stopped bool
	}{
		{"plain", nil, []string{"ab", "c"}, []string{"ab", "c", ""}, false},
		{"byte fallback", nil, []string{"\xe5", "\x9b", "\xb2い"}, []string{"", "", "囲い", ""}, false},
		{"half a character at the end", nil, []string{"a\xf0\x9f"}, []string{"a", "\uFFFD"}, false},
		{"broken bytes", nil, []string{"a\xffb", "\x80"}, []string{"a\uFFFDb", "\uFFFD", ""}, false},
		{"stop inside a piece", []string{"END"}, []string{"one END two"}, []string{"one "}, true},
		{"stop over pieces", []string{"\nUser:"}, []string{"yes\n", "Us", "er", ":", "no"}, []string{"yes", "", "", ""}, true},
		{"begun stop that comes to nothing", []string{"\nUser:"}, []string{"yes\n", "Us", "x"}, []string{"yes", "", "\nUsx", ""}, false},
		{"begun stop at the end", []string{"。。"}, []string{"はい。"}, []string{"はい", "。"}, false},
		{"the first of two", []string{"cd", "b"}, []string{"abcd"}, []string{"a"}, true},
		{"a stop that overlaps itself", []string{"aab"}, []string{"a", "a", "a", "b"}, []string{"", "", "a", ""}, true},
		{"stop cut within a character", []string{"い"}, []string{"囲\xe3", "\x81", "\x84だ"}, []string{"囲", "", ""}, true},
		{"empty stop", []string{""}, []string{"a"}, []string{"a", ""}, false},
	}
	for _, c := range cases {
		s := textStream{stops: c.stops}
		stopped := false
		for i, p := range c.pieces {
			var got string
			got, stopped = s.push([]byte(p))
			if got != c.want[i] {
				t.Errorf("%s: piece %d gave %q, want %q", c.name, i, got, c.want[i])
			}
			if stopped {
				break
			}
		}
		if stopped != c.stopped {
			t.Errorf("%s: stopped %v", c.name, stopped)
		}
		if !stopped && s.flush() != c.want[len(c.pieces)] {
			t.Errorf("%s: flush", c.name)
		}
	}
}

// FuzzTextStream: whatever the pieces, every part is UTF-8, and together they are the text before the stop string.
func FuzzTextStream(f *testing.F) {
	f.Add("これは囲いです。END more", "END", uint8(1))
	f.Add("a\xf0\x9f\x98\x80b", "bb", uint8(2))
	f.Fuzz(func(t *testing.T, text, stop string, step uint8) {
		text = strings.ToValidUTF8(text, "?")
		if stop = strings.ToValidUTF8(stop, "?"); stop == "" {
			return
		}
		s, got, stopped := textStream{stops: []string{stop}}, "", false
		for rest := text; rest != "" && !stopped; {
			n := min(len(rest), int(step%7)+1)
			var part string
			part, stopped = s.push([]byte(rest[:n]))
			if !utf8.ValidString(part) {
				t.Fatalf("%q is no UTF-8", part)
			}
			got, rest = got+part, rest[n:]
			if strings.Contains(got, stop) {
				t.Fatalf("stop string in %q", got)
			}
		}
		got += s.flush()
		want, _, found := strings.Cut(text, stop)
		if got != want || stopped != found {
			t.Fatalf("%q up to %q: %q (%v)", text, stop, got, stopped)
		}
	})
}
