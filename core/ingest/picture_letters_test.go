package ingest_test

import (
	"image"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"kakoi/core/ingest"
)

// charOf is the number of the first character of a stretch of the page's text.
func charOf(t *testing.T, p ingest.Picture, stretch string) int {
	t.Helper()
	before, _, found := strings.Cut(p.Text, stretch)
	if !found {
		t.Fatalf("%q is not in %q", stretch, p.Text)
	}
	return len([]rune(before))
}

// TestLetters: a point on a letter is that letter, in horizontal and in vertical writing, and the arrows go to the letter that stands
// there.
func TestLetters(t *testing.T) {
	pics := pictures(t)
	page := func(file string, number int) ingest.Picture {
		t.Helper()
		p, err := pics.Page(t.Context(), filepath.Join("testdata", file), number, 96)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	middle := func(r image.Rectangle) image.Point { return r.Min.Add(r.Max).Div(2) }
	office, vertical := page("office.pdf", 1), page("cid.pdf", 4)
	for _, p := range []ingest.Picture{office, vertical} {
		for i, c := range []rune(p.Text) {
			if unicode.IsSpace(c) {
				continue
			}
			for _, r := range p.Marks(i, i+1) {
				if got, ok := p.At(middle(r)); !ok || got != i && []rune(p.Text)[got] != c {
					t.Errorf("on %q, character %d, stands %d", c, i, got)
				}
			}
		}
	}
	// Below the first line, nearer to the next one, is the next one.
	first, next := office.Marks(0, 1)[0], office.Marks(charOf(t, office, "年次有給休暇を取るこ"), len([]rune(office.Text)))[0]
	under := image.Pt(middle(first).X, next.Min.Y-1)
	if got, _ := office.At(under); len(office.Marks(got, got+1)) != 1 || office.Marks(got, got+1)[0].Min.Y < first.Max.Y {
		t.Errorf("above a line at %v stands character %d at %v", next, got, office.Marks(got, got+1))
	}
	far := office.Image.Rect.Max.Add(image.Pt(500, 500))
	if got, ok := office.At(far); !ok || got < len([]rune(office.Text))*3/4 {
		t.Errorf("nearest to a point below the page is %d of %d", got, len([]rune(office.Text)))
	}
	if _, ok := (ingest.Picture{}).At(image.Point{}); ok {
		t.Error("a letter on an empty page")
	}

	at := charOf(t, office, "年次有給休暇を取るこ")
	if got := office.Beside(at, 1, 0); got != at+1 {
		t.Errorf("right of %d is %d", at, got)
	}
	if got := office.Beside(at+1, -1, 0); got != at {
		t.Errorf("left of %d is %d", at+1, got)
	}
	here := middle(office.Marks(at, at+1)[0])
	below := office.Beside(at, 0, 1)
	if there := middle(office.Marks(below, below+1)[0]); there.Y <= here.Y || there.Y > here.Y+60 || there.X < here.X-20 || there.X > here.X+20 {
		t.Errorf("below %v is %v", here, there)
	}
	if back := office.Beside(below, 0, -1); middle(office.Marks(back, back+1)[0]).Y != here.Y {
		t.Errorf("up again is %d, not in the line of %d", back, at)
	}
	at = charOf(t, vertical, "の通達")
	if got := vertical.Beside(at, 0, 1); got != at+1 {
		t.Errorf("in vertical writing below %d is %d", at, got)
	}
	column := vertical.Beside(at, -1, 0)
	if there, here := middle(vertical.Marks(column, column+1)[0]), middle(vertical.Marks(at, at+1)[0]); there.X >= here.X {
		t.Errorf("left of %v is %v", here, there)
	}
	last := len([]rune(office.Text)) - 1
	if got := office.Beside(0, -1, 0); got != 0 {
		t.Errorf("before the first letter is %d", got)
	}
	if got := office.Beside(last, 1, 0); got > last {
		t.Errorf("after the last letter is %d", got)
	}
}
