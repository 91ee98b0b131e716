package widget

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"
)

// Part is one of a Stack.
type Part struct {
	Text  string // with its amount: "weights 1.2 GB"
	Size  float64
	Color fyne.ThemeColorName
}

// Stack is one bar of parts beside each other, with what they are below: how memory is used. Where there is a limit, what is left to
// it stays empty, and what goes beyond stands behind a line.
type Stack struct {
	fynewidget.BaseWidget
	parts  []Part
	limit  float64
	track  *canvas.Rectangle
	bars   []*canvas.Rectangle
	edge   *canvas.Line
	legend *Box
	ruler  *Ruler
}

// NewStack makes a bar without parts.
func NewStack(r *Ruler) *Stack {
	s := &Stack{ruler: r, track: canvas.NewRectangle(color.Transparent), edge: canvas.NewLine(color.Transparent), legend: NewFlow(14)}
	s.track.CornerRadius = 4
	s.ExtendBaseWidget(s)
	return s
}

// SetParts shows other parts; limit 0: none. rest is said of what is left below the limit.
func (s *Stack) SetParts(parts []Part, limit float64, rest string) {
	s.parts, s.limit = parts, limit
	s.bars = s.bars[:0]
	s.legend.Objects = nil
	for _, p := range parts {
		s.bars = append(s.bars, canvas.NewRectangle(color.Transparent))
		s.name("■", p.Color, p.Text)
	}
	if rest != "" {
		s.name("□", colorForeground, rest)
	}
	s.Refresh()
}

// name puts a part into the legend.
func (s *Stack) name(sign string, signColor fyne.ThemeColorName, text string) {
	word := func(text string, c fyne.ThemeColorName) *canvas.Text {
		t := canvas.NewText(text, themeColor(c))
		t.TextSize = s.ruler.Size
		return t
	}
	s.legend.Objects = append(s.legend.Objects, container.NewHBox(word(sign, signColor), word(text, colorForeground)))
}

// high is the height of the bar.
func (s *Stack) high() float32 { return 1.1 * s.ruler.Line() }

// HeightFor is the height in a width.
func (s *Stack) HeightFor(width float32) float32 { return s.high() + 6 + s.legend.HeightFor(width) }

// CreateRenderer is fyne.Widget.
func (s *Stack) CreateRenderer() fyne.WidgetRenderer { return &stackRenderer{s} }

type stackRenderer struct{ stack *Stack }

func (r *stackRenderer) Destroy() {}

func (r *stackRenderer) Layout(size fyne.Size) {
	s := r.stack
	sum := 0.0
	for _, p := range s.parts {
		sum += p.Size
	}
	whole := max(sum, s.limit, 1)
	s.track.FillColor = themeColor(fynetheme.ColorNameButton)
	s.track.Resize(fyne.NewSize(size.Width, s.high()))
	x := float32(0)
	for i, p := range s.parts {
		w := float32(p.Size / whole * float64(size.Width))
		s.bars[i].FillColor = themeColor(p.Color)
		s.bars[i].Move(fyne.NewPos(x, 0))
		s.bars[i].Resize(fyne.NewSize(max(w-1, 0), s.high()))
		x += w
	}
	show(s.edge, s.limit > 0 && sum > s.limit)
	s.edge.StrokeColor, s.edge.StrokeWidth = themeColor(fynetheme.ColorNameError), 2
	at := float32(s.limit / whole * float64(size.Width))
	s.edge.Position1, s.edge.Position2 = fyne.NewPos(at, 0), fyne.NewPos(at, s.high())
	s.legend.Move(fyne.NewPos(0, s.high()+6))
	s.legend.Resize(fyne.NewSize(size.Width, s.legend.HeightFor(size.Width)))
}

func (r *stackRenderer) MinSize() fyne.Size {
	return fyne.NewSize(120, r.stack.HeightFor(max(120, r.stack.Size().Width)))
}

func (r *stackRenderer) Objects() []fyne.CanvasObject {
	out := []fyne.CanvasObject{r.stack.track}
	for _, b := range r.stack.bars {
		out = append(out, b)
	}
	return append(out, r.stack.edge, r.stack.legend)
}

func (r *stackRenderer) Refresh() {
	r.Layout(r.stack.Size())
	r.stack.legend.Refresh()
	canvas.Refresh(r.stack)
}
