package gloss

import (
	"errors"
	"slices"
	"testing"
	"unicode"

	"kakoi/core"
)

func japanese(form string) bool {
	for _, r := range form {
		if unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) {
			return true
		}
	}
	return false
}

// TestLines: what comes along is whole: no form is of the other language, none is empty or twice in its line, no line is twice.
func TestLines(t *testing.T) {
	lines, err := Lines()
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 10_000 {
		t.Fatalf("%d lines", len(lines))
	}
	seen := map[string]bool{}
	for i, l := range lines {
		key := ""
		for n, side := range [][]string{l.Japanese, l.English} {
			for j, f := range side {
				key += f + "="
				if len(f) < 2 || slices.Contains(side[:j], f) || n == 1 && japanese(f) {
					t.Errorf("line %d: %q", i+1, f)
				}
			}
			key += "|"
		}
		if !slices.ContainsFunc(l.Japanese, japanese) && len(l.Japanese[0]) > 12 {
			t.Errorf("line %d: %q is not Japanese", i+1, l.Japanese)
		}
		if seen[key] {
			t.Errorf("line %d is there twice: %q", i+1, key)
		}
		seen[key] = true
	}
	if i := slices.IndexFunc(lines, func(l Line) bool { return slices.Contains(l.Japanese, "賞与") }); i < 0 || !slices.Contains(lines[i].English, "bonus") {
		t.Errorf("賞与 is no bonus: line %d", i+1)
	}
}

// BenchmarkUnpack is what the first search waits for first.
func BenchmarkUnpack(b *testing.B) {
	for b.Loop() {
		text, err := unpack()
		if err == nil {
			_, err = parse(text)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func TestParse(t *testing.T) {
	lines, err := parse("賞与 = ボーナス || bonus = extra pay\n机 || desk\n")
	if err != nil || len(lines) != 2 || !slices.Equal(lines[0].Japanese, []string{"賞与", "ボーナス"}) || !slices.Equal(lines[0].English, []string{"bonus", "extra pay"}) || !slices.Equal(lines[1].English, []string{"desk"}) {
		t.Fatalf("%q, %v", lines, err)
	}
	for _, bad := range []string{"", "賞与 = ボーナス", " || bonus", "賞与 || ", "賞与||bonus"} {
		if lines, err := parse("机 || desk\n" + bad + "\n"); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%q: %q, %v", bad, lines, err)
		}
	}
}
