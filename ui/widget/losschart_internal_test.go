package widget

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	fynetheme "fyne.io/fyne/v2/theme"

	"kakoi/app/plot"
	"kakoi/ui/theme"
)

func chartWindow(t testing.TB, mode string, percent int, o func() fyne.CanvasObject, size fyne.Size) fyne.Window {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(mode, percent, fonts(t)))
	w := test.NewTempWindow(t, o())
	w.SetPadded(false)
	w.Resize(size)
	return w
}

// curves of so many steps; evaluated each tenth of the way.
func curves(steps int) plot.Loss {
	l := plot.Loss{Best: 4, Steps: float64(steps), Words: plot.Words{Train: "学習", Held: "検証", Best: "最良", Step: "ステップ", Loss: "損失", None: "まだ始まっていません"}}
	for s := 1; s <= steps; s++ {
		x := float64(s) / float64(steps)
		l.Train = append(l.Train, plot.Point{Step: float64(s), Loss: 0.3 + 2*math.Exp(-4*x) + 0.1*math.Sin(float64(s*s))})
		if s%max(1, steps/10) == 0 {
			l.Held = append(l.Held, plot.Point{Step: float64(s), Loss: 0.5 + 2*math.Exp(-8*x) + 0.6*x*x})
		}
	}
	return l
}

func TestLossChartGolden(t *testing.T) {
	var c *LossChart
	made := func() fyne.CanvasObject {
		c = NewLossChart(fyne.NewSize(200, 120))
		return c
	}
	w := chartWindow(t, theme.Light, 100, made, fyne.NewSize(560, 240))
	c.SetLoss(curves(200))
	w.Canvas().Focus(c)
	for range 3 {
		strike(c, fyne.KeyPageDown)
	}
	test.AssertImageMatches(t, "losschart-light.png", w.Canvas().Capture())

	w = chartWindow(t, theme.Dark, 150, made, fyne.NewSize(560, 240))
	l := curves(5000)
	l.Log = true
	c.SetLoss(l)
	c.MouseMoved(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(500, 100)}})
	test.AssertImageMatches(t, "losschart-dark-150-log.png", w.Canvas().Capture())
}

func strike(c fyne.Focusable, keys ...fyne.KeyName) {
	for _, k := range keys {
		c.TypedKey(&fyne.KeyEvent{Name: k})
	}
}

func TestLossChartKeys(t *testing.T) {
	var c *LossChart
	w := chartWindow(t, theme.Light, 100, func() fyne.CanvasObject {
		c = NewLossChart(fyne.NewSize(200, 120))
		return c
	}, fyne.NewSize(400, 200))
	at := func() float64 {
		s, ok := c.Picked()
		if !ok {
			return -1
		}
		return s
	}
	strike(c, fyne.KeyLeft, fyne.KeyRight, fyne.KeyEnd, fyne.KeyPageUp) // nothing to pick
	if at() != -1 {
		t.Errorf("an empty chart picks %v", at())
	}
	c.SetLoss(curves(100))
	w.Canvas().Focus(c)
	for _, want := range []struct {
		key  fyne.KeyName
		step float64
	}{{fyne.KeyRight, 1}, {fyne.KeyLeft, 1}, {fyne.KeyRight, 2}, {fyne.KeyPageDown, 12}, {fyne.KeyEnd, 100}, {fyne.KeyRight, 100}, {fyne.KeyPageUp, 90}, {fyne.KeyHome, 1}, {fyne.KeyEscape, -1}, {fyne.KeyLeft, 100}} {
		strike(c, want.key)
		if at() != want.step {
			t.Errorf("%s: step %v, want %v", want.key, at(), want.step)
		}
	}
	c.TypedRune('b')
	if at() != 50 {
		t.Errorf("the best is at %v, want 50", at())
	}
	if got := c.tipTexts[2].Text; !strings.HasPrefix(got, "検証 0.6") || c.tipTexts[1].Text == "" {
		t.Errorf("told are %q and %q", c.tipTexts[1].Text, got)
	}
	// The picked step stays as the run goes on.
	l := curves(100)
	l.Train = append(l.Train, plot.Point{Step: 101, Loss: 0.2})
	c.SetLoss(l)
	if at() != 50 {
		t.Errorf("after news it is at %v", at())
	}
	log := false
	c.OnLog = func(on bool) { log = on }
	c.TypedRune('l')
	if !log {
		t.Error("L does not ask for the other scale")
	}
	// Between two evaluations the last one is told with its step.
	strike(c, fyne.KeyRight)
	if !strings.HasSuffix(c.tipTexts[2].Text, "(ステップ 50)") || c.dots[1].Visible() {
		t.Errorf("told is %q", c.tipTexts[2].Text)
	}
}

func TestLossChartIsSavedAsShown(t *testing.T) {
	var c *LossChart
	chartWindow(t, theme.Dark, 100, func() fyne.CanvasObject {
		c = NewLossChart(fyne.NewSize(200, 120))
		return c
	}, fyne.NewSize(400, 200))
	c.SetLoss(curves(50))
	var picture, drawing bytes.Buffer
	if err := c.SavePNG(&picture); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&picture)
	if err != nil || img.Bounds() != image.Rect(0, 0, 1400, 640) {
		t.Fatalf("%v, %v", img.Bounds(), err)
	}
	if r, g, b, _ := img.At(2, 2).RGBA(); r&g&b != 0xffff {
		t.Error("the paper of a saved chart is not white")
	}
	if err := c.SaveSVG(&drawing); err != nil || !strings.Contains(drawing.String(), ">検証</text>") {
		t.Errorf("%v: %s", err, drawing.String())
	}
}

func TestBarsAndStackGolden(t *testing.T) {
	var b *Bars
	var s *Stack
	made := func() fyne.CanvasObject {
		b, s = NewBars(), NewStack(NewRuler(fynetheme.Size(fynetheme.SizeNameCaptionText)))
		b.SetBars(plot.Bars{Groups: []plot.Group{
			{Name: "正答", Note: "多いほど良い", Bars: []plot.Bar{{Name: "前", Value: 0.4, Low: 0.3, High: 0.5, Text: "40% (20 / 50)"}, {Name: "後", Value: 0.7, Low: 0.6, High: 0.8, Text: "70% (35 / 50)", Second: true}}},
			{Name: "誤答", Bars: []plot.Bar{{Name: "前", Value: math.NaN(), Text: "—"}}},
		}})
		s.SetParts([]Part{{"重み 1.0 GB", 1, fynetheme.ColorNamePrimary}, {"計算 2.0 GB", 2, fynetheme.ColorNameWarning}}, 4, "空き 1.0 GB")
		return NewInset(8, 8, 8, 8, NewPanelBack(fynetheme.ColorNameInputBackground), NewColumn(10, b, s))
	}
	w := chartWindow(t, theme.Light, 100, made, fyne.NewSize(480, 260))
	test.AssertImageMatches(t, "bars-light.png", w.Canvas().Capture())
	w = chartWindow(t, theme.Dark, 150, made, fyne.NewSize(480, 360))
	s.SetParts([]Part{{"重み 3.0 GB", 3, fynetheme.ColorNamePrimary}, {"計算 2.0 GB", 2, fynetheme.ColorNameWarning}}, 4, "")
	test.AssertImageMatches(t, "bars-dark-150.png", w.Canvas().Capture())
}

// BenchmarkLossChart is a frame with a new point, as a run has it: drawing, then composing.
func BenchmarkLossChart(b *testing.B) {
	for name, steps := range map[string]int{"200-steps": 200, "20000-steps": 20_000} {
		b.Run(name, func(b *testing.B) {
			var c *LossChart
			w := chartWindow(b, theme.Light, 100, func() fyne.CanvasObject {
				c = NewLossChart(fyne.NewSize(200, 120))
				return c
			}, fyne.NewSize(900, 360))
			l := curves(steps)
			for b.Loop() {
				c.SetLoss(l)
				c.draw(900, 360)
			}
			_ = w
		})
	}
}
