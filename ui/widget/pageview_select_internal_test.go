package widget

import (
	"image"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// grid are letters that stand in rows of ten, 20 pixels wide and 28 high each.
type grid struct{ n int }

func (g grid) cell(i int) image.Rectangle {
	return image.Rect(i%10*20, i/10*28, i%10*20+20, i/10*28+28)
}

func (g grid) At(at image.Point) (int, bool) {
	return min(max(at.Y/28, 0)*10+min(max(at.X/20, 0), 9), g.n-1), true
}

func (g grid) Beside(char, dx, dy int) int { return max(0, min(char+dx+10*dy, g.n-1)) }

func (g grid) Places(start, end int) []image.Rectangle {
	var out []image.Rectangle
	for i := start; i < end; i++ {
		out = append(out, g.cell(i))
	}
	return out
}

// Words are selected on the picture of a page by dragging, and by keyboard; whole words of Latin letters.
func TestPageViewSelectsOnThePicture(t *testing.T) {
	v, w := pageWindow(t, fyne.NewSize(300, 400))
	text := "有給休暇は半年後から。Leave is granted after six months.翌年は11日。"
	p := Page{Key: "a", Picture: sheetOfPaper(200, 280), Text: text, Letters: grid{len([]rune(text))}}
	told := 0
	v.SetPage(p)
	v.picture.Dragged(&fyne.DragEvent{}) // without OnSelect the page is moved
	if v.Selection() != (Stretch{}) {
		t.Errorf("selected %v though nobody asks", v.Selection())
	}
	v.OnSelect = func() { told++ }
	on := func(i int) fyne.Position {
		s := v.picture.spot(grid{}.cell(i))
		return fyne.NewPos(s.left+s.width/2, s.top+s.height/2)
	}
	drag := func(from, to int) {
		dx, dy := on(to).Subtract(on(from)).Components()
		half := fyne.NewPos(on(from).X+dx/2, on(from).Y+dy/2)
		v.picture.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: half}, Dragged: fyne.NewDelta(dx/2, dy/2)})
		v.picture.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: on(to)}, Dragged: fyne.NewDelta(dx/2, dy/2)})
		v.picture.DragEnd()
	}
	for want, at := range map[string][2]int{
		"有給休暇": {0, 3}, "半年後": {7, 5}, // backwards
		"Leave is granted": {13, 22}, // from within a word into another one
	} {
		drag(at[0], at[1])
		if got := v.Selected(); got != want || v.Selection().End-v.Selection().Start != len([]rune(want)) {
			t.Errorf("dragged over %v: %q, %v; want %q", at, got, v.Selection(), want)
		}
	}
	if w.Canvas().Focused() != fyne.Focusable(v) || told == 0 || len(v.picture.chosen) == 0 {
		t.Errorf("after dragging the keyboard is at %T, told %d times, %d shapes", w.Canvas().Focused(), told, len(v.picture.chosen))
	}
	p.Picture = sheetOfPaper(400, 560) // a finer picture of the same page
	v.SetPage(p)
	if v.Selected() == "" {
		t.Error("a finer picture takes the selection away")
	}
	v.picture.Tapped(&fyne.PointEvent{Position: on(3)})
	if v.Selected() != "" {
		t.Errorf("a click leaves %q selected", v.Selected())
	}

	keys(v, fyne.KeyEscape)
	shift := fyne.KeyModifier(0)
	v.modifiers = func() fyne.KeyModifier { return shift }
	keys(v, fyne.KeyRight, fyne.KeyRight) // the caret appears, then moves
	shift = fyne.KeyModifierShift
	keys(v, fyne.KeyRight, fyne.KeyRight, fyne.KeyRight)
	if got := v.Selected(); got != "給休暇" {
		t.Errorf("selected by keyboard: %q", got)
	}
	escaped := 0
	v.OnEscape = func() { escaped++ }
	keys(v, fyne.KeyEscape)
	if v.Selected() != "" || escaped != 0 {
		t.Errorf("Escape leaves %q selected, and closes %d times", v.Selected(), escaped)
	}
	keys(v, fyne.KeyEscape)
	if escaped != 1 {
		t.Error("Escape without a selection does not close")
	}
	v.pick(picked{on: true, selects: true, now: 3})
	p.Key = "b"
	v.SetPage(p)
	if v.Selected() != "" {
		t.Error("another page keeps the selection")
	}
}

// The same on a page that is shown as text.
func TestPageViewSelectsInTextByKeyboard(t *testing.T) {
	v, w := pageWindow(t, fyne.NewSize(300, 200))
	v.OnSelect = func() {}
	text, mark := long()
	v.SetPage(Page{Key: "t", Text: text, TextMarks: []Stretch{mark}})
	w.Canvas().Focus(v)
	shift := fyne.KeyModifierShift
	v.modifiers = func() fyne.KeyModifier { return shift }
	keys(v, fyne.KeyRight, fyne.KeyRight, fyne.KeyRight)
	want := Stretch{mark.Start, mark.Start + 3}
	if got := v.Selection(); got.Start > want.Start || got.End < want.End || v.Selected() != string([]rune(text)[got.Start:got.End]) {
		t.Errorf("selected %v, want %v", got, want)
	}
	keys(v, fyne.KeyDown)
	if got := v.Selection(); got.End <= want.End {
		t.Errorf("down selects %v", got)
	}
	shift = 0
	keys(v, fyne.KeyEnd) // not an arrow: it scrolls
	keys(v, fyne.KeyUp)
	if v.Selected() != "" {
		t.Errorf("an arrow leaves %q selected", v.Selected())
	}
}

// On a page that is shown as text the mouse takes over from the keyboard at once, and a click takes a selection away.
func TestPageViewSelectsInTextByMouse(t *testing.T) {
	v, w := pageWindow(t, fyne.NewSize(300, 200))
	told := 0
	v.OnSelect = func() { told++ }
	v.SetPage(Page{Key: "t", Text: "有給休暇は半年後から。"})
	w.Canvas().Focus(v)
	shift := fyne.KeyModifierShift
	v.modifiers = func() fyne.KeyModifier { return shift }
	keys(v, fyne.KeyRight, fyne.KeyRight)
	if got := v.Selected(); got != "有給" {
		t.Fatalf("selected by keyboard: %q", got)
	}
	row, ok := v.text.roll.Row(v.text.key(0)).(*pageRow)
	if !ok {
		t.Fatal("no block in sight")
	}
	down := func() {
		row.prose.MouseDown(&desktop.MouseEvent{Button: desktop.MouseButtonPrimary})
		row.prose.MouseUp(&desktop.MouseEvent{Button: desktop.MouseButtonPrimary})
	}
	down()
	row.prose.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(1e4, 1)}})
	row.prose.DragEnd()
	if got := v.Selection(); got != (Stretch{0, 11}) || v.Selected() != "有給休暇は半年後から。" || v.text.roll.Row(v.text.key(0)) != fyne.CanvasObject(row) {
		t.Errorf("selected by mouse: %v, %q", got, v.Selected())
	}
	before := told
	down()
	if v.Selected() != "" || told != before+1 {
		t.Errorf("a click leaves %q, told %d times", v.Selected(), told-before)
	}
}
