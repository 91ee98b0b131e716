package widget

import (
	"image"
	"image/color"
	"io"
	"math"
	"slices"
	"sort"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app/plot"
)

// LossChart shows the curves of a run while they grow. The mouse or the arrow keys pick a step, whose figures are then shown: Left and
// Right go to the next one, PageUp and PageDown ten of a hundred on, Home and End to the ends, B to the best, L changes the scale.
type LossChart struct {
	fynewidget.BaseWidget
	OnLog    func(log bool) // the scale was changed by key. May be nil
	OnFocus  func()         // it has the keyboard now. May be nil
	OnEscape func()         // May be nil

	loss    plot.Loss
	least   fyne.Size
	steps   []float64 // that have a figure, rising
	at      int       // picked, of steps; -1: none
	focused bool
	version int // of loss
	inks    inks

	picture    *canvas.Raster
	drawn      drawn
	line       *canvas.Line
	dots       [2]*canvas.Circle
	tip, frame *canvas.Rectangle
	tipTexts   [3]*canvas.Text
}

// NewLossChart makes a chart of at least a size. Words are taken with SetLoss.
func NewLossChart(least fyne.Size) *LossChart {
	c := &LossChart{least: least, at: -1, loss: plot.Loss{Best: -1}}
	c.picture = canvas.NewRaster(c.draw)
	c.line = canvas.NewLine(color.Transparent)
	c.tip, c.frame = canvas.NewRectangle(color.Transparent), canvas.NewRectangle(color.Transparent)
	c.tip.CornerRadius, c.tip.StrokeWidth = 4, 1
	for i := range c.dots {
		c.dots[i] = canvas.NewCircle(color.Transparent)
	}
	for i := range c.tipTexts {
		c.tipTexts[i] = canvas.NewText("", color.Transparent)
	}
	c.ExtendBaseWidget(c)
	return c
}

// SetLoss shows other curves. The chart keeps them: their owner may add points behind and hand them in again, but changes none.
func (c *LossChart) SetLoss(l plot.Loss) {
	step, picked := c.Picked()
	c.loss = l
	c.version++
	c.steps = c.steps[:0]
	for _, curve := range [][]plot.Point{l.Train, l.Held} {
		for _, p := range curve {
			c.steps = append(c.steps, p.Step)
		}
	}
	slices.Sort(c.steps)
	c.steps = slices.Compact(c.steps)
	c.at = -1
	if picked {
		c.at = c.nearest(step)
	}
	c.Refresh()
}

// Picked is the step whose figures are shown.
func (c *LossChart) Picked() (step float64, ok bool) {
	if c.at < 0 || c.at >= len(c.steps) {
		return 0, false
	}
	return c.steps[c.at], true
}

// SavePNG writes the chart as a picture on white.
func (c *LossChart) SavePNG(w io.Writer) error {
	return c.loss.PNG(w, 1400, 640, plot.Light(c.inks.font(), 22))
}

// SaveSVG writes the chart as a drawing on white.
func (c *LossChart) SaveSVG(w io.Writer) error {
	return c.loss.SVG(w, 1000, 460, plot.Light(c.inks.font(), 15))
}

// draw is the picture for a size in pixels.
func (c *LossChart) draw(w, h int) image.Image {
	return c.drawn.of(w, h, c.version, c.Size().Width, &c.inks, c.loss.Draw)
}

// nearest is the place of the step that is next to one.
func (c *LossChart) nearest(step float64) int {
	if len(c.steps) == 0 {
		return -1
	}
	i := sort.SearchFloat64s(c.steps, step)
	if i == len(c.steps) || i > 0 && step-c.steps[i-1] < c.steps[i]-step {
		i--
	}
	return i
}

// pick shows the figures of a step; -1: of none.
func (c *LossChart) pick(i int) {
	if len(c.steps) == 0 {
		i = -1
	}
	if i = min(i, len(c.steps)-1); i == c.at {
		return
	}
	c.at = i
	c.place()
}

// find is the loss of a curve at a step, or the last one before it.
func find(curve []plot.Point, step float64) (plot.Point, bool) {
	i := sort.Search(len(curve), func(i int) bool { return curve[i].Step > step })
	if i == 0 {
		return plot.Point{}, false
	}
	return curve[i-1], true
}

// place puts what shows the picked step where it belongs.
func (c *LossChart) place() {
	size := c.Size()
	step, picked := c.Picked()
	for _, o := range c.overlay() {
		show(o, picked)
	}
	c.frame.Resize(size)
	c.frame.StrokeWidth, c.frame.StrokeColor, c.frame.CornerRadius = 0, color.Transparent, 6
	if c.focused {
		c.frame.StrokeWidth, c.frame.StrokeColor = 2, themeColor(fynetheme.ColorNameFocus)
	}
	if !picked || size.Width < 1 || size.Height < 1 {
		canvas.Refresh(c)
		return
	}
	look := c.inks.look(1)
	f := c.loss.Layout(int(size.Width), int(size.Height), look)
	x := float32(f.X(step))
	c.line.StrokeColor, c.line.StrokeWidth = look.Faint, 1
	c.line.Position1, c.line.Position2 = fyne.NewPos(x, float32(f.Top)), fyne.NewPos(x, float32(f.Bottom))
	c.tipTexts[0].Text, c.tipTexts[0].Color = c.loss.Words.Step+" "+strconv.FormatFloat(step, 'f', -1, 64), look.Ink
	for i, curve := range [][]plot.Point{c.loss.Train, c.loss.Held} {
		p, ok := find(curve, step)
		c.tipTexts[i+1].Text = ""
		c.dots[i].Hide()
		if !ok || i == 0 && p.Step != step {
			continue
		}
		text := []string{c.loss.Words.Train, c.loss.Words.Held}[i] + " " + plot.Number(p.Loss)
		if p.Step != step {
			text += " (" + c.loss.Words.Step + " " + strconv.FormatFloat(p.Step, 'f', -1, 64) + ")"
		}
		c.tipTexts[i+1].Text, c.tipTexts[i+1].Color = text, []color.NRGBA{look.Ink, look.Second}[i]
		if y := f.Y(p.Loss); p.Step == step && !math.IsNaN(y) && !math.IsInf(y, 0) {
			const r = 4
			c.dots[i].FillColor = []color.NRGBA{look.First, look.Second}[i]
			c.dots[i].Move(fyne.NewPos(x-r, float32(y)-r))
			c.dots[i].Resize(fyne.NewSize(2*r, 2*r))
			c.dots[i].Show()
		}
	}
	c.placeTip(x, f, look)
	canvas.Refresh(c)
}

// placeTip puts the figures beside the line, on the side where there is room.
func (c *LossChart) placeTip(x float32, f plot.Frame, look plot.Look) {
	const pad, gap = 6, 8
	var box fyne.Size
	for _, t := range c.tipTexts {
		t.TextSize = float32(look.Size)
		if t.Text == "" {
			continue
		}
		least := t.MinSize()
		box = fyne.NewSize(max(box.Width, least.Width), box.Height+least.Height)
	}
	box = box.AddWidthHeight(2*pad, 2*pad)
	left := x + gap
	if left+box.Width > c.Size().Width {
		left = max(0, x-gap-box.Width)
	}
	at := fyne.NewPos(left, float32(f.Top))
	c.tip.FillColor, c.tip.StrokeColor = themeColor(fynetheme.ColorNameOverlayBackground), themeColor(fynetheme.ColorNameSeparator)
	c.tip.Move(at)
	c.tip.Resize(box)
	y := at.Y + pad
	for _, t := range c.tipTexts {
		if t.Text == "" {
			t.Hide()
			continue
		}
		t.Move(fyne.NewPos(at.X+pad, y))
		y += t.MinSize().Height
	}
}

func (c *LossChart) overlay() []fyne.CanvasObject {
	out := []fyne.CanvasObject{c.line, c.dots[0], c.dots[1], c.tip}
	for _, t := range c.tipTexts {
		out = append(out, t)
	}
	return out
}

// CreateRenderer is fyne.Widget.
func (c *LossChart) CreateRenderer() fyne.WidgetRenderer {
	c.place()
	return &chartRenderer{c}
}

type chartRenderer struct{ chart *LossChart }

func (r *chartRenderer) Destroy() {}

func (r *chartRenderer) Layout(size fyne.Size) {
	r.chart.picture.Resize(size)
	r.chart.place()
}

func (r *chartRenderer) MinSize() fyne.Size { return r.chart.least }

func (r *chartRenderer) Objects() []fyne.CanvasObject {
	return append(append([]fyne.CanvasObject{r.chart.picture}, r.chart.overlay()...), r.chart.frame)
}

func (r *chartRenderer) Refresh() {
	r.chart.picture.Refresh()
	r.chart.place()
}
