package widget

import (
	"image"
	"unicode"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
)

// picked is what is selected on a picture, or by keyboard: from the letter where it began to the one where it ends, both within.
type picked struct {
	on         bool // there is a caret
	selects    bool // and a selection; otherwise the caret stands alone
	began, now int
}

// stretch is the selection, with the whole of the words of letters and digits that it begins and ends in.
func (p picked) stretch(text []rune) Stretch {
	if !p.on || !p.selects || min(p.began, p.now) >= len(text) {
		return Stretch{}
	}
	s := Stretch{max(0, min(p.began, p.now)), min(len(text), max(p.began, p.now)+1)}
	word := func(i int) bool {
		c := text[i]
		return c < 0x2e80 && (unicode.IsLetter(c) || unicode.IsDigit(c))
	}
	for s.Start > 0 && word(s.Start) && word(s.Start-1) {
		s.Start--
	}
	for s.End < len(text) && s.End > 0 && word(s.End-1) && word(s.End) {
		s.End++
	}
	return s
}

// Selected is the selected text of the page.
func (v *PageView) Selected() string {
	if s := v.picked.stretch([]rune(v.page.Text)); s.End > s.Start {
		return string([]rune(v.page.Text)[s.Start:s.End])
	}
	return v.text.selected()
}

// Selection is where the selected text stands in the page's text; an empty Stretch is none.
func (v *PageView) Selection() Stretch {
	if s := v.picked.stretch([]rune(v.page.Text)); s.End > s.Start {
		return s
	}
	return v.text.selection()
}

// selectable says whether words can be pointed at on the page as it is shown.
func (v *PageView) selectable() bool {
	return v.OnSelect != nil && (v.page.Picture == nil && v.page.Text != "" || v.page.Picture != nil && v.page.Letters != nil)
}

// pick sets the selection, and shows it.
func (v *PageView) pick(p picked) {
	if p == v.picked {
		return
	}
	v.picked = p
	if p.on && v.text.chosen != nil { // there is one selection
		v.text.chosen.Unselect()
	}
	if v.page.Picture != nil {
		v.picture.setPicked()
	} else {
		v.text.showPicked()
	}
	if v.OnSelect != nil {
		v.OnSelect()
	}
}

// arrow moves the caret, or with Shift the end of the selection. It says whether the key was an arrow for that.
func (v *PageView) arrow(name fyne.KeyName) bool {
	if !v.selectable() {
		return false
	}
	var dx, dy int
	switch name {
	case fyne.KeyLeft:
		dx = -1
	case fyne.KeyRight:
		dx = 1
	case fyne.KeyUp:
		dy = -1
	case fyne.KeyDown:
		dy = 1
	default:
		return false
	}
	p := v.picked
	extend := v.modifiers()&fyne.KeyModifierShift != 0
	if !p.on {
		p = picked{on: true, now: v.firstLetter()}
		p.began, p.selects = p.now, extend
	} else {
		if extend && !p.selects {
			p.selects = true
		} else {
			p.now = v.beside(p.now, dx, dy)
		}
		if !extend {
			p.began, p.selects = p.now, false
		}
	}
	v.pick(p)
	v.reveal(p.now)
	return true
}

// firstLetter is where the keyboard begins: at the first mark, or else at the first letter in sight.
func (v *PageView) firstLetter() int {
	if len(v.page.TextMarks) > 0 {
		return v.page.TextMarks[0].Start
	}
	if v.page.Picture == nil {
		return v.text.inSight()
	}
	p := v.picture
	at := p.point(fyne.NewPos(p.corner().X, p.scroll.Offset.Y+fynetheme.TextSize()))
	i, _ := v.page.Letters.At(at)
	return i
}

// beside is the next character in a direction. In a text without a picture, lines are its own: up goes to where one begins, down to where it ends.
func (v *PageView) beside(char, dx, dy int) int {
	if v.page.Picture != nil {
		return v.page.Letters.Beside(char, dx, dy)
	}
	text := []rune(v.page.Text)
	stop := func(i int) bool {
		return text[i] == '\n' || text[i] == '。' || text[i] == '.' && i+1 < len(text) && text[i+1] == ' '
	}
	switch {
	case dx != 0:
		char += dx
	case dy > 0:
		for char++; char < len(text)-1 && !stop(char); {
			char++
		}
	default:
		for char--; char > 0 && !stop(char-1); {
			char--
		}
	}
	return max(0, min(char, len(text)-1))
}

// reveal scrolls to a letter.
func (v *PageView) reveal(char int) {
	if v.page.Picture == nil {
		v.text.reveal(char)
		return
	}
	p := v.picture
	places := v.page.Letters.Places(char, char+1)
	if len(places) == 0 {
		return
	}
	s, at := p.spot(places[0]), p.scroll.Offset
	if s.top < at.Y || s.top+s.height > at.Y+p.room.Height {
		at.Y = s.top - p.room.Height/3
	}
	if s.left < at.X || s.left+s.width > at.X+p.room.Width {
		at.X = s.left - p.room.Width/3
	}
	if at != p.scroll.Offset {
		p.to(at)
	}
}

// point is the point of the picture that is shown at a place of the widget.
func (p *pagePicture) point(pos fyne.Position) image.Point {
	paper := p.paper()
	if paper.Width <= 0 {
		return image.Point{}
	}
	scale := float32(p.sheet.Dx()) / paper.Width
	at := pos.Subtract(p.corner())
	return image.Pt(int(at.X*scale), int(at.Y*scale)).Add(p.sheet.Min)
}
