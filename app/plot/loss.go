package plot

import (
	"encoding/csv"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strconv"
)

// Point is a loss at a step.
type Point struct{ Step, Loss float64 }

// finite says whether a Point can be shown; a loss that is no number leaves a gap.
func (p Point) finite() bool { return !math.IsNaN(p.Loss) && !math.IsInf(p.Loss, 0) }

// Loss is the curves of a run, each by rising steps.
type Loss struct {
	Train []Point // one for each optimiser step
	Held  []Point // one for each evaluation
	Best  int     // place in Held; -1: none yet
	Steps float64 // of the whole run: the axis goes so far; 0: to the last point
	Log   bool    // the loss on a logarithmic scale; what is not above 0 is left out
	Words Words
}

// Words of the picture, in the person's language.
type Words struct {
	Train, Held, Best string // the legend
	Step, Loss        string // the axes
	None              string // stands in the middle while there is no point
}

// layout is where things of a picture stand.
type layout struct {
	Frame
	look          Look
	width, height float64
}

// Layout gives the frame of the curves in a picture of a size.
func (l Loss) Layout(width, height int, look Look) Frame { return l.arrange(width, height, look).Frame }

func (l Loss) arrange(width, height int, look Look) layout {
	a := layout{look: look, width: float64(width), height: float64(height)}
	f := &a.Frame
	f.X0, f.X1, f.Log = 0, math.Max(1, l.Steps), l.Log
	low, high := math.Inf(1), math.Inf(-1)
	for _, curve := range [][]Point{l.Train, l.Held} {
		for _, p := range curve {
			if !l.shows(p) {
				continue
			}
			low, high = math.Min(low, p.Loss), math.Max(high, p.Loss)
			f.X1 = math.Max(f.X1, p.Step)
		}
	}
	f.setRange(low, high)
	size := look.Size
	widest := 0.0
	for _, t := range f.lossTicks(4) {
		widest = math.Max(widest, look.Font.width(t.text, size))
	}
	last := look.Font.width(strconv.FormatFloat(math.Floor(f.X1), 'f', 0, 64), size) // its middle stands at the right edge
	f.Left, f.Right = math.Ceil(widest+1.3*size), a.width-math.Ceil(max(1.2*size, last/2+0.4*size))
	f.Top, f.Bottom = math.Ceil(2.6*size), a.height-math.Ceil(2.2*size)
	f.Right, f.Bottom = math.Max(f.Right, f.Left+1), math.Max(f.Bottom, f.Top+1)
	return a
}

func (l Loss) shows(p Point) bool { return p.finite() && (!l.Log || p.Loss > 0) }

// draw puts the picture onto a pen.
func (l Loss) draw(a layout, p pen) {
	look, size := a.look, a.look.Size
	line := math.Max(1, size/12)
	if look.Back.A > 0 {
		p.box(0, 0, a.width, a.height, 0, look.Back)
	}
	for _, t := range a.lossTicks(math.Max(2, (a.Bottom-a.Top)/(3.2*size))) {
		y := math.Round(a.Y(t.at)) + 0.5
		p.line([]xy{{a.Left, y}, {a.Right, y}}, 1, look.Grid)
		p.text(xy{a.Left - 0.5*size, y + 0.36*size}, t.text, size, end, look.Faint)
	}
	for _, t := range a.stepTicks(math.Max(2, (a.Right-a.Left)/(6*size))) {
		x := math.Round(a.X(t.at)) + 0.5
		p.line([]xy{{x, a.Bottom}, {x, a.Bottom + 0.35*size}}, 1, look.Faint)
		p.text(xy{x, a.Bottom + 1.5*size}, t.text, size, middle, look.Faint)
	}
	p.line([]xy{{a.Left, a.Bottom + 0.5}, {a.Right, a.Bottom + 0.5}}, 1, look.Faint)
	l.legend(a, p)
	train, held := l.thin(l.Train, a.Frame), l.thin(l.Held, a.Frame)
	if len(train)+len(held) == 0 {
		p.text(xy{(a.Left + a.Right) / 2, (a.Top + a.Bottom) / 2}, l.Words.None, size, middle, look.Faint)
		return
	}
	for _, piece := range train {
		if len(piece) == 1 { // the first step of a run is seen too
			p.dot(piece[0], 2.2*line, look.First)
		}
		p.line(piece, 1.3*line, look.First)
	}
	for _, piece := range held {
		p.line(piece, 2*line, look.Second)
	}
	if len(l.Held) <= 40 { // each evaluation can be told from the next
		for _, e := range l.Held {
			if l.shows(e) {
				p.dot(xy{a.X(e.Step), a.Y(e.Loss)}, 2.2*line, look.Second)
			}
		}
	}
	if at, ok := l.best(); ok && l.shows(at) {
		x, y := a.X(at.Step), a.Y(at.Loss)
		p.dot(xy{x, y}, 5*line, look.Mark)
		p.dot(xy{x, y}, 2.5*line, look.Back)
	}
}

func (l Loss) best() (Point, bool) {
	if l.Best < 0 || l.Best >= len(l.Held) {
		return Point{}, false
	}
	return l.Held[l.Best], true
}

// legend stands above the curves, from the left: a piece of each line with its name.
func (l Loss) legend(a layout, p pen) {
	size := a.look.Size
	x, y := a.Left, 1.6*size
	mid := y - 0.36*size
	put := func(name string, sign func(x float64)) {
		if name == "" {
			return
		}
		sign(x)
		p.text(xy{x + 2*size, y}, name, size, begin, a.look.Ink)
		x += 3.6*size + a.look.Font.width(name, size)
	}
	line := math.Max(1, size/12)
	put(l.Words.Train, func(x float64) { p.line([]xy{{x, mid}, {x + 1.4*size, mid}}, 1.6*line, a.look.First) })
	put(l.Words.Held, func(x float64) { p.line([]xy{{x, mid}, {x + 1.4*size, mid}}, 2.2*line, a.look.Second) })
	if at, ok := l.best(); ok {
		put(l.Words.Best+" "+Number(at.Loss), func(x float64) {
			p.dot(xy{x + 0.8*size, mid}, 4*line, a.look.Mark)
			p.dot(xy{x + 0.8*size, mid}, 2*line, a.look.Back)
		})
	}
}

// thin gives the lines of a curve with at most four points for each column of pixels: its first, lowest, highest and last. What is
// drawn is the same as with all points. A loss that cannot be shown parts the line.
func (l Loss) thin(curve []Point, f Frame) [][]xy {
	var lines [][]xy
	var now []xy
	for i := 0; i < len(curve); {
		if !l.shows(curve[i]) {
			if len(now) > 0 {
				lines = append(lines, now)
				now = nil
			}
			i++
			continue
		}
		column := math.Floor(f.X(curve[i].Step))
		low, high, last := i, i, i
		for j := i; j < len(curve) && l.shows(curve[j]) && math.Floor(f.X(curve[j].Step)) == column; j++ {
			if curve[j].Loss < curve[low].Loss {
				low = j
			}
			if curve[j].Loss > curve[high].Loss {
				high = j
			}
			last = j
		}
		a, b := min(low, high), max(low, high)
		before := -1
		for _, k := range []int{i, a, b, last} {
			if k != before {
				now = append(now, xy{f.X(curve[k].Step), f.Y(curve[k].Loss)})
			}
			before = k
		}
		i = last + 1
	}
	if len(now) > 0 {
		lines = append(lines, now)
	}
	return lines
}

// Draw fills a picture.
func (l Loss) Draw(img draw.Image, look Look) {
	b := img.Bounds()
	l.draw(l.arrange(b.Dx(), b.Dy(), look), raster{img, look.Font})
}

// PNG writes the picture as a file of pixels.
func (l Loss) PNG(w io.Writer, width, height int, look Look) error {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	l.Draw(img, look)
	if err := png.Encode(w, img); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

// SVG writes the picture as lines and letters.
func (l Loss) SVG(w io.Writer, width, height int, look Look) error {
	return svg(w, width, height, func(p pen) { l.draw(l.arrange(width, height, look), p) })
}

// CSV writes the figures: step, loss, held_loss; a step without one of them leaves its place empty.
func (l Loss) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	exact := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	_ = out.Write([]string{"step", "loss", "held_loss"}) // Error tells below
	for i, j := 0, 0; i < len(l.Train) || j < len(l.Held); {
		row := []string{"", "", ""}
		step := math.Inf(1)
		if i < len(l.Train) {
			step = l.Train[i].Step
		}
		if j < len(l.Held) {
			step = math.Min(step, l.Held[j].Step)
		}
		row[0] = exact(step)
		if i < len(l.Train) && l.Train[i].Step == step {
			row[1] = exact(l.Train[i].Loss)
			i++
		}
		if j < len(l.Held) && l.Held[j].Step == step {
			row[2] = exact(l.Held[j].Loss)
			j++
		}
		_ = out.Write(row)
	}
	out.Flush()
	return out.Error()
}
