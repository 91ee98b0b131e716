package widget

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
)

// square measures every character as wide as it is in a grid: 2 for Japanese, 1 for others.
func square(rs []rune) func(start, end int) float32 {
	return func(start, end int) float32 {
		w := float32(0)
		for _, r := range rs[start:end] {
			w++
			if r >= 0x2e80 {
				w++
			}
		}
		return w
	}
}

func linesOf(text string, width float32) []string {
	rs := []rune(text)
	var out []string
	for _, l := range wrap(rs, width, square(rs)) {
		out = append(out, string(rs[l.start:l.end]))
	}
	return out
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		name, text string
		width      float32
		want       string // lines, parted by |
	}{
		{"nothing", "", 10, ""},
		{"line ends", "a\n\nb\n", 10, "a||b|"},
		{"Japanese breaks anywhere", "年次有給休暇は", 8, "年次有給|休暇は"},
		{"no line begins with a full stop", "年次有給。休暇", 8, "年次有|給。休暇"},
		{"nor with a small kana or a closing bracket", "「はちゃ」です", 6, "「は|ちゃ」|です"},
		{"none ends with an opening bracket", "年次有「給」", 8, "年次有|「給」"},
		{"words stay whole", "the quick brown fox", 10, "the quick|brown fox"},
		{"a word longer than a line is broken", "abcdefghijkl", 5, "abcde|fghij|kl"},
		{"words in Japanese", "文書KX-200の", 8, "文書|KX-200の"},
		{"a row of marks breaks somewhere", strings.Repeat("！", 5), 4, "！！|！！|！"},
	} {
		if got := strings.Join(linesOf(c.text, c.width), "|"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Whatever the text and the width: lines hold every character but spaces and line ends, and none is wider than there is room,
// but for a single character.
func FuzzWrap(f *testing.F) {
	f.Add("年次有給休暇は、6か月 after joining。\n「はい」", uint8(7))
	f.Add("(((((((((((((((((((((((((((((((((((((((((((((((((", uint8(3))
	f.Fuzz(func(t *testing.T, text string, width uint8) {
		rs := []rune(text)
		measure := square(rs)
		at := 0
		for _, l := range wrap(rs, float32(width), measure) {
			if l.start < at || l.end < l.start {
				t.Fatalf("line %v after %d", l, at)
			}
			if strings.TrimSpace(string(rs[at:l.start])) != "" {
				t.Fatalf("%q is lost", string(rs[at:l.start]))
			}
			line := []rune(strings.TrimRight(string(rs[l.start:l.end]), " \t\r\v\f\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"))
			if len(line) > 1 && square(line)(0, len(line)) > float32(max(width, 2)) && !strings.ContainsAny(string(line), " \t\r\v\f") {
				t.Fatalf("%q is wider than %d", string(line), width)
			}
			at = l.end
		}
		if strings.TrimSpace(string(rs[at:])) != "" {
			t.Fatalf("%q is lost at the end", string(rs[at:]))
		}
	})
}

func TestProseSelectsAndTaps(t *testing.T) {
	test.NewTempApp(t)
	r := NewRuler(14)
	tapped, note := 0, ""
	p := NewProse(r, Run{Text: "first sentence. "}, Run{Text: "[1]", Aside: true, Tap: func() { tapped++ }, Note: "a source"}, Run{Text: " and the rest"})
	p.OnNote = func(text string) { note = text }
	w := test.NewTempWindow(t, p)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(600, 60))
	x := r.Width("first sentence. ", false) + r.Width("[1]", false)/2
	at := fyne.NewPos(x, r.Line()/2)
	p.Tapped(&fyne.PointEvent{Position: at})
	p.MouseMoved(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: at}})
	if tapped != 1 || note != "a source" {
		t.Errorf("tapped %d times, note %q", tapped, note)
	}
	p.MouseMoved(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(3, 3)}})
	if note != "" {
		t.Errorf("note %q beside the marker", note)
	}
	p.MouseDown(&desktop.MouseEvent{Button: desktop.MouseButtonPrimary, PointEvent: fyne.PointEvent{Position: fyne.NewPos(0, 3)}})
	p.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(590, 3)}})
	if got := p.Selected(); got != "first sentence.  and the rest" {
		t.Errorf("selected %q", got)
	}
	// Text that grows at its end keeps the selection; another text drops it.
	p.SetRuns(append(p.runs[:3:3], Run{Text: ", more"}))
	if p.Selected() == "" {
		t.Error("the selection is gone")
	}
	p.SetRuns([]Run{{Text: "something else altogether, which is longer than it was"}})
	if p.Selected() != "" {
		t.Errorf("selected %q of another text", p.Selected())
	}
}

func TestCardByKeyboard(t *testing.T) {
	test.NewTempApp(t)
	pressed, left := 0, 0
	c := NewCard(NewRuler(14), "title", "text", func() { pressed++ })
	c.OnEscape = func() { left++ }
	test.NewTempWindow(t, c)
	for _, k := range []fyne.KeyName{fyne.KeyReturn, fyne.KeySpace, fyne.KeyEscape} {
		c.TypedKey(&fyne.KeyEvent{Name: k})
	}
	if pressed != 2 || left != 1 {
		t.Errorf("pressed %d times, left %d times", pressed, left)
	}
}
