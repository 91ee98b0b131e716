package uitest

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// LooksLike compares a picture with one of testdata, which has 256 colours to be small (half of what Fyne's test.AssertImageMatches asks for, or a third): the same bounds as there hold for
// differences, 30 of 255 at a point and half a step in the mean. One that is not like it is written beside it, in colours of its own.
func LooksLike(t *testing.T, name string, got image.Image) {
	t.Helper()
	path := filepath.Join("testdata", name)
	f, err := os.Open(path)
	var want image.Image
	if err == nil {
		want, err = png.Decode(f)
		_ = f.Close()
	}
	if err == nil && alike(got, want) {
		return
	}
	t.Errorf("%s looks otherwise: %v", name, err)
	failed := filepath.Join("testdata", "failed", name)
	if err := os.MkdirAll(filepath.Dir(failed), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(failed)
	if err == nil {
		err = png.Encode(out, few(got))
		_ = out.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s may be its successor", failed)
}

func alike(got, want image.Image) bool {
	size := got.Bounds()
	if size.Size() != want.Bounds().Size() {
		return false
	}
	a, b := image.NewNRGBA(image.Rectangle{Max: size.Size()}), image.NewNRGBA(image.Rectangle{Max: size.Size()})
	draw.Draw(a, a.Rect, got, size.Min, draw.Src)
	draw.Draw(b, b.Rect, want, want.Bounds().Min, draw.Src)
	sum := 0
	for i, v := range a.Pix {
		d := max(int(v)-int(b.Pix[i]), int(b.Pix[i])-int(v))
		if sum += d; d > 30 {
			return false
		}
	}
	return float64(sum) < float64(len(a.Pix))/2
}

// few is a picture in 256 colours: the commonest, then by turns the one that is worst served.
func few(img image.Image) *image.Paletted {
	counts := map[color.NRGBA]int{}
	size := img.Bounds()
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			counts[color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)]++
		}
	}
	var colors color.Palette
	away := map[color.NRGBA]int{}
	for c := range counts {
		away[c] = 3 * 255
	}
	for len(colors) < 256 && len(away) > 0 {
		var worst color.NRGBA
		most := -1
		for c, d := range away {
			weight := counts[c] * d
			if d > 25 { // near what alike lets pass
				weight *= 1000
			}
			if weight > most || weight == most && less(c, worst) {
				worst, most = c, weight
			}
		}
		colors = append(colors, worst)
		delete(away, worst)
		for c, d := range away {
			away[c] = min(d, steps(c.R, worst.R)+steps(c.G, worst.G)+steps(c.B, worst.B))
		}
	}
	out := image.NewPaletted(image.Rectangle{Max: size.Size()}, colors)
	draw.Draw(out, out.Rect, img, size.Min, draw.Src)
	return out
}

func steps(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }

func less(a, b color.NRGBA) bool {
	return int(a.R)<<16|int(a.G)<<8|int(a.B) < int(b.R)<<16|int(b.G)<<8|int(b.B)
}
