package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	fynewidget "fyne.io/fyne/v2/widget"
)

// Prose is text that is read: it wraps by the rules of Japanese and English, has parts that can be pressed or are underlined,
// and can be selected with the mouse. It never takes the keyboard. Its height depends on its width: see HeightFor.
type Prose struct {
	fynewidget.BaseWidget
	ruler    *Ruler
	runs     []Run
	laid     laid
	drawn    float32 // width in which the renderer has it
	from, to int     // selected characters, in the order they were chosen
	over     int     // run under the pointer; -1: none
	// OnNote is called with the note under the pointer, "" when there is none any more. May be nil.
	OnNote func(text string)
	// OnSelect is called after a selection was made or dropped. May be nil.
	OnSelect func(p *Prose)
	// OnMenu is called for the right button. May be nil.
	OnMenu func(at fyne.Position)
}

// NewProse makes a Prose.
func NewProse(r *Ruler, runs ...Run) *Prose {
	p := &Prose{ruler: r, runs: runs, over: -1}
	p.ExtendBaseWidget(p)
	return p
}

// SetRuns changes the text. The selection goes when the text before its end changed.
func (p *Prose) SetRuns(runs []Run) {
	p.runs = runs
	width := p.laid.width
	if width <= 0 {
		width = p.Size().Width
	}
	old := p.laid
	p.laid = lay(runs, p.ruler, width)
	if end := max(p.from, p.to); end > len(p.laid.rs) || end > len(old.rs) || string(old.rs[:end]) != string(p.laid.rs[:end]) {
		p.from, p.to = 0, 0
	}
	p.Refresh()
}

// HeightFor is the height of the text in a width.
func (p *Prose) HeightFor(width float32) float32 {
	if width != p.laid.width {
		p.laid = lay(p.runs, p.ruler, width)
	}
	return float32(len(p.laid.lines)) * p.ruler.Line()
}

// MinSize is fyne.CanvasObject: narrow, and as high as the text in its present width.
func (p *Prose) MinSize() fyne.Size {
	width := p.Size().Width
	if width <= 0 {
		width = max(p.laid.width, 40)
	}
	return fyne.NewSize(40, p.HeightFor(width))
}

// Resize is fyne.CanvasObject.
func (p *Prose) Resize(size fyne.Size) {
	if size.Width != p.laid.width {
		p.laid = lay(p.runs, p.ruler, size.Width)
	}
	if size.Width != p.drawn { // it may have been measured in this width already
		p.Refresh()
	}
	p.BaseWidget.Resize(size)
}

// Text is the whole text, as it is copied.
func (p *Prose) Text() string { return lay(p.runs, p.ruler, 1e9).text(p.runs, 0, 1<<30) }

// Selected is the selected text.
func (p *Prose) Selected() string {
	return p.laid.text(p.runs, min(p.from, p.to), max(p.from, p.to))
}

// Unselect drops the selection.
func (p *Prose) Unselect() {
	if p.from != p.to {
		p.from, p.to = 0, 0
		p.Refresh()
	}
}

func (p *Prose) at(pos fyne.Position) (int, bool) {
	return p.laid.at(p.runs, p.ruler, pos.X, pos.Y, p.ruler.Line())
}

// runAt is the run under a point; -1: none.
func (p *Prose) runAt(pos fyne.Position) int {
	i, on := p.at(pos)
	if !on {
		return -1
	}
	// at rounds to the nearer edge; the run is that of the character itself.
	row := p.laid.lines[int(pos.Y/p.ruler.Line())]
	if i >= row.end || i > row.start && p.laid.measure(p.runs, p.ruler, row.start, i) > pos.X {
		i--
	}
	return p.laid.of[i]
}

// Tapped is fyne.Tappable.
func (p *Prose) Tapped(e *fyne.PointEvent) {
	if i := p.runAt(e.Position); i >= 0 && p.runs[i].Tap != nil {
		p.runs[i].Tap()
	}
}

// TappedSecondary is fyne.SecondaryTappable.
func (p *Prose) TappedSecondary(e *fyne.PointEvent) {
	if p.OnMenu != nil {
		p.OnMenu(e.AbsolutePosition)
	}
}

// MouseDown is desktop.Mouseable: a selection begins where the button goes down.
func (p *Prose) MouseDown(e *desktop.MouseEvent) {
	if e.Button != desktop.MouseButtonPrimary {
		return
	}
	i, _ := p.at(e.Position)
	if e.Modifier&fyne.KeyModifierShift == 0 {
		p.from = i
	}
	p.to = i
	p.Refresh()
	p.selected()
}

// MouseUp is desktop.Mouseable.
func (p *Prose) MouseUp(*desktop.MouseEvent) {}

// Dragged is fyne.Draggable.
func (p *Prose) Dragged(e *fyne.DragEvent) {
	if i, _ := p.at(e.Position); i != p.to {
		p.to = i
		p.Refresh()
	}
}

// DragEnd is fyne.Draggable.
func (p *Prose) DragEnd() { p.selected() }

func (p *Prose) selected() {
	if p.OnSelect != nil {
		p.OnSelect(p)
	}
}

// MouseIn is desktop.Hoverable.
func (p *Prose) MouseIn(e *desktop.MouseEvent) { p.MouseMoved(e) }

// MouseMoved is desktop.Hoverable.
func (p *Prose) MouseMoved(e *desktop.MouseEvent) { p.hover(p.runAt(e.Position)) }

// MouseOut is desktop.Hoverable.
func (p *Prose) MouseOut() { p.hover(-1) }

func (p *Prose) hover(run int) {
	if run == p.over {
		return
	}
	p.over = run
	if p.OnNote == nil {
		return
	}
	if run < 0 || run >= len(p.runs) {
		p.OnNote("")
		return
	}
	p.OnNote(p.runs[run].Note)
}

// Cursor is desktop.Cursorable.
func (p *Prose) Cursor() desktop.Cursor {
	if p.over >= 0 && p.over < len(p.runs) && p.runs[p.over].Tap != nil {
		return desktop.PointerCursor
	}
	return desktop.TextCursor
}

// CreateRenderer is fyne.Widget.
func (p *Prose) CreateRenderer() fyne.WidgetRenderer {
	r := &proseRenderer{prose: p}
	r.Refresh()
	return r
}

// proseRenderer keeps a canvas.Text per run and line and changes only those that differ, so that a text that grows costs its last line.
type proseRenderer struct {
	prose  *Prose
	backs  []*canvas.Rectangle
	texts  []*canvas.Text
	unders []*canvas.Rectangle
	all    []fyne.CanvasObject
}

func (r *proseRenderer) Destroy()                     {}
func (r *proseRenderer) Layout(fyne.Size)             {}
func (r *proseRenderer) MinSize() fyne.Size           { return r.prose.MinSize() }
func (r *proseRenderer) Objects() []fyne.CanvasObject { return r.all }

// Refresh puts the pieces where they belong.
func (r *proseRenderer) Refresh() {
	p := r.prose
	p.drawn = p.laid.width
	height := p.ruler.Line()
	low, high := min(p.from, p.to), max(p.from, p.to)
	var backs, texts, unders int
	for row, line := range p.laid.lines {
		x, y := float32(0), float32(row)*height
		for i := line.start; i < line.end; {
			stop := p.laid.sameRun(i, line.end)
			run := p.runs[p.laid.of[i]]
			piece := string(p.laid.rs[i:stop])
			w := p.ruler.Width(piece, run.Bold)
			if run.Back != "" {
				r.rectangle(&r.backs, backs, run.Back, x, y, w, height)
				backs++
			}
			if a, b := max(low, i), min(high, stop); a < b {
				left := p.ruler.Width(string(p.laid.rs[i:a]), run.Bold)
				r.rectangle(&r.backs, backs, colorSelection, x+left, y, p.ruler.Width(string(p.laid.rs[a:b]), run.Bold), height)
				backs++
			}
			r.text(texts, piece, run, x, y, w, height)
			texts++
			if run.Under != "" {
				r.rectangle(&r.unders, unders, run.Under, x, y+height-2, w, 1.5)
				unders++
			}
			x += w
			i = stop
		}
	}
	r.backs, r.texts, r.unders = r.backs[:backs], r.texts[:texts], r.unders[:unders]
	r.all = r.all[:0]
	for _, o := range r.backs {
		r.all = append(r.all, o)
	}
	for _, o := range r.texts {
		r.all = append(r.all, o)
	}
	for _, o := range r.unders {
		r.all = append(r.all, o)
	}
	canvas.Refresh(p)
}

func (r *proseRenderer) text(i int, piece string, run Run, x, y, w, h float32) {
	name := run.Color
	if name == "" {
		name = colorForeground
	}
	color := themeColor(name)
	if i == len(r.texts) {
		r.texts = append(r.texts, canvas.NewText("", color))
	}
	t := r.texts[i]
	if t.Text != piece || t.Color != color || t.TextSize != r.prose.ruler.Size || t.TextStyle.Bold != run.Bold {
		t.Text, t.Color, t.TextSize, t.TextStyle.Bold = piece, color, r.prose.ruler.Size, run.Bold
		t.Refresh()
	}
	t.Move(fyne.NewPos(x, y))
	t.Resize(fyne.NewSize(w, h))
}

func (r *proseRenderer) rectangle(list *[]*canvas.Rectangle, i int, name fyne.ThemeColorName, x, y, w, h float32) {
	color := themeColor(name)
	if i == len(*list) {
		*list = append(*list, canvas.NewRectangle(color))
	}
	o := (*list)[i]
	if o.FillColor != color {
		o.FillColor = color
		o.Refresh()
	}
	o.Move(fyne.NewPos(x, y))
	o.Resize(fyne.NewSize(w, h))
}
