package plot_test

import (
	"bytes"
	"flag"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app/plot"
)

var update = flag.Bool("update", false, "write the golden pictures anew")

func font(t testing.TB) *plot.Font {
	t.Helper()
	f, err := plot.NewFont(nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// run is the curves of a run of so many steps, with noise that is the same each time.
func run(steps, every int) plot.Loss {
	l := plot.Loss{Best: -1, Steps: float64(steps), Words: plot.Words{Train: "training", Held: "validation", Best: "best", None: "no step yet"}}
	rng := rand.New(rand.NewPCG(1, 2))
	for s := 1; s <= steps; s++ {
		x := float64(s) / float64(steps)
		l.Train = append(l.Train, plot.Point{Step: float64(s), Loss: 0.2 + 2.6*math.Exp(-5*x) + 0.15*rng.Float64()})
		if s%every == 0 {
			l.Held = append(l.Held, plot.Point{Step: float64(s), Loss: 0.45 + 2.3*math.Exp(-5*x) + 0.3*x*x})
		}
	}
	for i, p := range l.Held {
		if l.Best < 0 || p.Loss < l.Held[l.Best].Loss {
			l.Best = i
		}
	}
	return l
}

func exam() plot.Bars {
	pair := func(name, note string, before, after plot.Bar) plot.Group {
		before.Name, after.Name, after.Second = "before", "after", true
		return plot.Group{Name: name, Note: note, Bars: []plot.Bar{before, after}}
	}
	return plot.Bars{Groups: []plot.Group{
		pair("correct", "higher is better", plot.Bar{Value: 0.42, Low: 0.29, High: 0.56, Text: "42% (21 of 50)"}, plot.Bar{Value: 0.8, Low: 0.67, High: 0.89, Text: "80% (40 of 50)"}),
		pair("false answers", "lower is better", plot.Bar{Value: 1, Low: 0.9, High: 1, Text: "100%"}, plot.Bar{Value: 0, Low: 0, High: 0.1, Text: "0%"}),
		pair("cited passage", "", plot.Bar{Value: math.NaN(), Text: "—"}, plot.Bar{Value: 0.5, Low: 0.4, High: 0.6, Text: "50%"}),
	}}
}

// Every picture is as it was looked at: each channel of each pixel within 2, as text is placed in 1/64 pixels.
func TestPictures(t *testing.T) {
	f := font(t)
	long := run(20_000, 500)
	long.Log = true
	broken := run(60, 10)
	broken.Train[30].Loss, broken.Train[40].Loss = math.NaN(), math.Inf(1)
	for name, draw := range map[string]func(w *bytes.Buffer) error{
		"loss.png":  func(w *bytes.Buffer) error { return run(120, 10).PNG(w, 640, 300, plot.Light(f, 13)) },
		"long.png":  func(w *bytes.Buffer) error { return long.PNG(w, 640, 300, plot.Dark(f, 13)) },
		"gap.png":   func(w *bytes.Buffer) error { return broken.PNG(w, 320, 160, plot.Light(f, 10)) },
		"none.png":  func(w *bytes.Buffer) error { l := run(0, 1); return l.PNG(w, 320, 160, plot.Light(f, 10)) },
		"bars.png":  func(w *bytes.Buffer) error { return exam().PNG(w, 560, plot.Light(f, 13)) },
		"loss.svg":  func(w *bytes.Buffer) error { return run(40, 10).SVG(w, 640, 300, plot.Light(f, 13)) },
		"bars.svg":  func(w *bytes.Buffer) error { return exam().SVG(w, 560, plot.Light(f, 13)) },
		"small.csv": func(w *bytes.Buffer) error { return run(4, 2).CSV(w) },
	} {
		var got bytes.Buffer
		if err := draw(&got); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(name) != ".png" {
			if got.String() != string(want) {
				t.Errorf("%s is another one:\n%s", name, got.String())
			}
			continue
		}
		if n := differ(t, got.Bytes(), want); n > 0 {
			t.Errorf("%s: %d pixels are others", name, n)
		}
	}
}

// differ counts the pixels that are not the same.
func differ(t *testing.T, a, b []byte) int {
	t.Helper()
	decode := func(raw []byte) image.Image {
		img, err := png.Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	x, y := decode(a), decode(b)
	if x.Bounds() != y.Bounds() {
		t.Fatalf("sizes %v and %v", x.Bounds(), y.Bounds())
	}
	n := 0
	for py := range x.Bounds().Dy() {
		for px := range x.Bounds().Dx() {
			r, g, b, _ := x.At(px, py).RGBA()
			r2, g2, b2, _ := y.At(px, py).RGBA()
			for _, d := range []int{int(r) - int(r2), int(g) - int(g2), int(b) - int(b2)} {
				if d > 2<<8 || d < -2<<8 {
					n++
					break
				}
			}
		}
	}
	return n
}

// However many points: a spike of one step among 200,000 is drawn, and the file does not grow with the points.
func TestThinnedCurveKeepsItsSpikes(t *testing.T) {
	f := font(t)
	l := run(200_000, 1000)
	l.Words = plot.Words{}
	l.Train[123_456].Loss = 9
	var with bytes.Buffer
	if err := l.SVG(&with, 640, 300, plot.Light(f, 12)); err != nil {
		t.Fatal(err)
	}
	if with.Len() > 60_000 {
		t.Errorf("%d bytes for 640 columns", with.Len())
	}
	frame := l.Layout(640, 300, plot.Light(f, 12))
	spot := image.Pt(int(frame.X(123_457)), int(frame.Y(9)))
	img := image.NewRGBA(image.Rect(0, 0, 640, 300))
	l.Draw(img, plot.Light(f, 12))
	if img.RGBAAt(spot.X, spot.Y+3).R > 0xd0 {
		t.Errorf("the spike at %v is not drawn: %v", spot, img.RGBAAt(spot.X, spot.Y+3))
	}
}

func TestFrameThereAndBack(t *testing.T) {
	for _, log := range []bool{false, true} {
		l := run(300, 50)
		l.Log = log
		f := l.Layout(500, 200, plot.Light(font(t), 12))
		for _, step := range []float64{1, 77, 300} {
			if got := f.Step(f.X(step)); math.Abs(got-step) > 1e-9 {
				t.Errorf("step %v comes back as %v", step, got)
			}
		}
		for _, p := range append(l.Train, l.Held...) {
			if y := f.Y(p.Loss); y < f.Top-0.01 || y > f.Bottom+0.01 {
				t.Fatalf("log %v: %v stands at %v, outside of %v to %v", log, p, y, f.Top, f.Bottom)
			}
		}
	}
}

func TestWordsOfOthersAreEscaped(t *testing.T) {
	b := plot.Bars{Groups: []plot.Group{{Name: `<script> & "`, Bars: []plot.Bar{{Name: "a", Value: 1, High: 1, Text: "<"}}}}}
	var out bytes.Buffer
	if err := b.SVG(&out, 300, plot.Light(font(t), 12)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "<script>") {
		t.Error("a name is taken for SVG")
	}
}

func TestNumber(t *testing.T) {
	for want, x := range map[string]float64{"1.2346": 1.23456, "12.35": 12.345678, "123.5": 123.456, "0.0000": 0, "2.5e-05": 0.000025, "—": math.NaN()} {
		if got := plot.Number(x); got != want {
			t.Errorf("%v is written %q, want %q", x, got, want)
		}
	}
}

func BenchmarkLoss(b *testing.B) {
	for _, steps := range []int{200, 20_000} {
		l := run(steps, steps/50)
		look := plot.Light(font(b), 13)
		img := image.NewRGBA(image.Rect(0, 0, 1100, 420))
		b.Run(map[int]string{200: "200-steps", 20_000: "20000-steps"}[steps], func(b *testing.B) {
			for range b.N {
				l.Draw(img, look)
			}
		})
	}
}
