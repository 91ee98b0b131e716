package widget

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/theme"
)

// pageText is the text in a PageView, in blocks of which only those in sight exist: a page may have 100,000 characters.
type pageText struct {
	view   *PageView
	roll   *Roll
	ruler  *Ruler
	text   []rune
	blocks []block
	marks  []Stretch
	parts  []int
	made   int    // counts the texts, so that blocks of different ones have different keys
	chosen *Prose // the one with a selection
	at     int    // the first character of its block
}

// block is a stretch of the text that is one Prose, without the line end between it and the next one.
type block struct {
	Stretch
	columns int // how wide it is in one line, in half-width characters
	lines   int // line ends in it
}

// maxBlock is as much text as is selected in one go, in characters, but for a line that is longer still.
const maxBlock = 1000

func newPageText(v *PageView) *pageText {
	t := &pageText{view: v}
	t.roll = NewRoll(t.keys, t.guess, t.row)
	return t
}

func (t *pageText) set(p Page) {
	text := []rune(p.Text)
	if p.Picture != nil {
		text = nil
	}
	t.marks, t.parts = p.TextMarks, p.TextParts
	if !slices.Equal(text, t.text) {
		t.text, t.blocks = text, blocksOf(text)
	}
	t.anew()
}

// anew makes all blocks again.
func (t *pageText) anew() {
	t.made++
	t.chosen = nil
	t.ruler = NewRuler(fynetheme.Size(fynetheme.SizeNameText) * t.view.zoom)
	at := t.roll.Offset()
	t.roll.Update()
	t.roll.ToOffset(at)
}

// blocksOf parts a text at line ends, and a long line where a sentence ends or anywhere.
func blocksOf(text []rune) []block {
	var out []block
	for start := 0; start < len(text); {
		end := min(start+maxBlock, len(text))
		next := end
		if end < len(text) {
			half := text[start+maxBlock/2 : end+1]
			if at := lastOf(half, '\n'); at >= 0 {
				end = start + maxBlock/2 + at
				next = end + 1
			} else if at := max(lastOf(half[:len(half)-1], '。'), lastOf(half[:len(half)-1], '.')); at >= 0 {
				end = start + maxBlock/2 + at + 1
				next = end
			}
		}
		b := block{Stretch: Stretch{start, end}}
		for _, c := range text[start:end] {
			switch {
			case c == '\n':
				b.lines++
			case c >= 0x2e80:
				b.columns += 2
			default:
				b.columns++
			}
		}
		out = append(out, b)
		start = next
	}
	return out
}

func lastOf(text []rune, c rune) int {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == c {
			return i
		}
	}
	return -1
}

func (t *pageText) keys() []string {
	keys := make([]string, len(t.blocks))
	for i := range keys {
		keys[i] = t.key(i)
	}
	return keys
}

func (t *pageText) key(i int) string { return fmt.Sprintf("%d.%d", t.made, i) }

func (t *pageText) guess(i int, width float32) float32 {
	b := t.blocks[i]
	perLine := max(1, (width-2*textMargin())/(t.ruler.Size*0.52))
	return (float32(b.lines)*0.7 + 1 + float32(b.columns)/perLine) * t.ruler.Line()
}

func textMargin() float32 { return 2 * fynetheme.Padding() }

func (t *pageText) row(i int) fyne.CanvasObject {
	prose := NewProse(t.ruler, t.runs(t.blocks[i].Stretch)...)
	prose.OnSelect = func(p *Prose) {
		if t.chosen != nil && t.chosen != p {
			t.chosen.Unselect()
		}
		t.chosen, t.at = p, t.blocks[i].Start
		if v := t.view; v.OnSelect != nil {
			if v.picked.on {
				v.picked = picked{}
				t.showPicked()
			}
			v.OnSelect()
		}
		t.view.takeFocus()
	}
	r := &pageRow{text: t, prose: prose}
	r.ExtendBaseWidget(r)
	return r
}

// runs are the looks of a stretch: what is marked and where parts begin.
func (t *pageText) runs(s Stretch) []Run {
	cuts := []int{s.Start, s.End}
	inside := func(i int) {
		if i > s.Start && i < s.End {
			cuts = append(cuts, i)
		}
	}
	for _, m := range t.marks {
		inside(m.Start)
		inside(m.End)
	}
	picked := t.view.picked.stretch(t.text)
	caret := Stretch{}
	if p := t.view.picked; p.on {
		caret = Stretch{p.now, p.now + 1}
	}
	for _, m := range []Stretch{picked, caret} {
		inside(m.Start)
		inside(m.End)
	}
	for _, i := range t.parts {
		inside(i)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var runs []Run
	for i := 0; i+1 < len(cuts); i++ {
		if slices.Contains(t.parts, cuts[i]) {
			runs = append(runs, Run{Text: "▎", Color: fynetheme.ColorNamePrimary, Aside: true})
		}
		run := Run{Text: string(t.text[cuts[i]:cuts[i+1]])}
		for _, m := range t.marks {
			if m.Start <= cuts[i] && cuts[i+1] <= m.End {
				run.Back = theme.ColorMark
			}
		}
		for _, m := range []Stretch{picked, caret} {
			if m.Start <= cuts[i] && cuts[i+1] <= m.End {
				run.Back = fynetheme.ColorNameSelection
			}
		}
		runs = append(runs, run)
	}
	return runs
}

func (t *pageText) resize(size fyne.Size) { t.roll.Resize(size) }

// zoomed keeps the block at the top there.
func (t *pageText) zoomed() {
	at, _ := t.roll.anchor()
	t.anew()
	if at >= 0 {
		t.roll.ToRow(t.key(at))
	}
}

func (t *pageText) scrollBy(dy float32) bool {
	before := t.roll.Offset()
	t.roll.ToOffset(before + dy)
	moved := t.roll.Offset() - before
	return moved > 0.5 || moved < -0.5
}

// toMark brings the first mark into the upper part of the view, or the beginning of the text, or its end.
func (t *pageText) toMark(end bool) {
	if len(t.marks) == 0 {
		t.roll.ToOffset(0)
		if end {
			t.roll.ToEnd()
		}
		return
	}
	first := t.marks[0].Start
	at := slices.IndexFunc(t.blocks, func(b block) bool { return first < b.End })
	if at < 0 {
		return
	}
	t.roll.ToRow(t.key(at))
	row, ok := t.roll.Row(t.key(at)).(*pageRow)
	if !ok || at+1 >= len(t.roll.tops) {
		return
	}
	line := row.prose.lineOf(first-t.blocks[at].Start, t.parts, t.blocks[at].Start)
	t.roll.ToOffset(t.roll.tops[at] + float32(line)*t.ruler.Line() - t.roll.Size().Height/4)
}

// lineOf is the line of a character of the block's text; the signs where parts begin are no part of that.
func (p *Prose) lineOf(char int, parts []int, start int) int {
	shift := 0
	for _, i := range parts {
		if i >= start && i <= start+char {
			shift++
		}
	}
	for i, l := range p.laid.lines {
		if char+shift < l.end {
			return i
		}
	}
	return max(0, len(p.laid.lines)-1)
}

func (t *pageText) selected() string {
	if t.chosen == nil {
		return ""
	}
	return t.chosen.Selected()
}

// selection is what was selected with the mouse, in the page's text.
func (t *pageText) selection() Stretch {
	if t.chosen == nil || t.chosen.Selected() == "" || len(t.parts) > 0 { // the signs of parts are counted by a Prose
		return Stretch{}
	}
	from, to := min(t.chosen.from, t.chosen.to), max(t.chosen.from, t.chosen.to)
	return Stretch{t.at + from, t.at + to}
}

// showPicked shows what was selected by keyboard. The blocks stay the same widgets: one of them may be under the mouse.
func (t *pageText) showPicked() {
	for i, b := range t.blocks {
		if row, ok := t.roll.Row(t.key(i)).(*pageRow); ok {
			row.prose.SetRuns(t.runs(b.Stretch))
		}
	}
}

// inSight is the first character of the block at the top.
func (t *pageText) inSight() int {
	if at, _ := t.roll.anchor(); at >= 0 && at < len(t.blocks) {
		return t.blocks[at].Start
	}
	return 0
}

// reveal scrolls to a character.
func (t *pageText) reveal(char int) {
	at := slices.IndexFunc(t.blocks, func(b block) bool { return char < b.End })
	if at < 0 {
		return
	}
	row, ok := t.roll.Row(t.key(at)).(*pageRow)
	if !ok || at+1 >= len(t.roll.tops) {
		t.roll.ToRow(t.key(at))
		return
	}
	y := t.roll.tops[at] + float32(row.prose.lineOf(char-t.blocks[at].Start, t.parts, t.blocks[at].Start))*t.ruler.Line()
	if top := t.roll.Offset(); y < top || y+t.ruler.Line() > top+t.roll.Size().Height {
		t.roll.ToOffset(y - t.roll.Size().Height/3)
	}
}

// pageRow is a block with its margin.
type pageRow struct {
	fynewidget.BaseWidget
	text  *pageText
	prose *Prose
}

// HeightFor is the height for a width.
func (r *pageRow) HeightFor(width float32) float32 {
	return r.prose.HeightFor(max(1, width-2*textMargin()))
}

// Tapped is fyne.Tappable.
func (r *pageRow) Tapped(*fyne.PointEvent) { r.text.view.takeFocus() }

// CreateRenderer is fyne.Widget.
func (r *pageRow) CreateRenderer() fyne.WidgetRenderer { return &pageRowRenderer{r} }

type pageRowRenderer struct{ row *pageRow }

func (r *pageRowRenderer) Destroy()                     {}
func (r *pageRowRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.row.prose} }
func (r *pageRowRenderer) Refresh()                     { canvas.Refresh(r.row) }

func (r *pageRowRenderer) MinSize() fyne.Size {
	least := r.row.prose.MinSize()
	return fyne.NewSize(least.Width+2*textMargin(), least.Height)
}

func (r *pageRowRenderer) Layout(size fyne.Size) {
	r.row.prose.Move(fyne.NewPos(textMargin(), 0))
	r.row.prose.Resize(fyne.NewSize(size.Width-2*textMargin(), size.Height))
}
