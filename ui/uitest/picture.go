package uitest

import (
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"slices"
	"time"

	"github.com/jezek/xgb/xproto"
)

// Picture is what stands on a part of the screen.
func (d *Desktop) Picture(at image.Rectangle) *image.RGBA {
	d.t.Helper()
	at = at.Intersect(image.Rect(0, 0, Width, Height))
	reply, err := xproto.GetImage(d.c, xproto.ImageFormatZPixmap, xproto.Drawable(d.root),
		int16(at.Min.X), int16(at.Min.Y), uint16(at.Dx()), uint16(at.Dy()), ^uint32(0)).Reply()
	if err != nil {
		d.t.Fatalf("picture of the screen: %v", err)
	}
	out := image.NewRGBA(at)
	for i := 0; i+3 < len(reply.Data) && i+3 < len(out.Pix); i += 4 { // blue, green, red, unused
		out.Pix[i], out.Pix[i+1], out.Pix[i+2], out.Pix[i+3] = reply.Data[i+2], reply.Data[i+1], reply.Data[i], 0xff
	}
	return out
}

// Bounds is where a window stands on the screen.
func (d *Desktop) Bounds(window int) image.Rectangle {
	d.t.Helper()
	g, err := xproto.GetGeometry(d.c, xproto.Drawable(window)).Reply()
	if err != nil {
		d.t.Fatalf("where the window stands: %v", err)
	}
	return image.Rect(int(g.X), int(g.Y), int(g.X)+int(g.Width), int(g.Y)+int(g.Height))
}

// Count gives how many pixels of a part of the screen have this colour, each channel within off of it, and the first of
// them, by rows.
func (d *Desktop) Count(at image.Rectangle, rgb uint32, off int) (n int, first image.Point) {
	d.t.Helper()
	p := d.Picture(at)
	r, g, b := int(rgb>>16&0xff), int(rgb>>8&0xff), int(rgb&0xff)
	near := func(have uint8, want int) bool { return max(int(have)-want, want-int(have)) <= off }
	for i := 0; i+3 < len(p.Pix); i += 4 {
		if near(p.Pix[i], r) && near(p.Pix[i+1], g) && near(p.Pix[i+2], b) {
			if n == 0 {
				first = image.Pt(p.Rect.Min.X+(i%p.Stride)/4, p.Rect.Min.Y+i/p.Stride)
			}
			n++
		}
	}
	return n, first
}

// Rests waits until a part of the screen no longer changes, but for a caret.
func (d *Desktop) Rests(at image.Rectangle, within time.Duration) {
	d.t.Helper()
	before := d.Picture(at)
	for end := time.Now().Add(within); time.Now().Before(end); {
		time.Sleep(200 * time.Millisecond)
		now := d.Picture(at)
		n := 0
		for i := 0; i < len(now.Pix); i += 4 {
			if now.Pix[i] != before.Pix[i] || now.Pix[i+1] != before.Pix[i+1] || now.Pix[i+2] != before.Pix[i+2] {
				n++
			}
		}
		if n < 100 {
			return
		}
		before = now
	}
}

// Shot writes a picture of a part of the screen as a palette PNG.
func (d *Desktop) Shot(at image.Rectangle, path string) error {
	d.t.Helper()
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("create picture: %w", err)
	}
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(f, palette(d.Picture(at)))
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("write picture %q: %w", path, err)
	}
	return nil
}

// palette keeps the most frequent colours and gives every other one the nearest of them. A window has few colours that
// matter; the rest are the edges of letters.
func palette(p *image.RGBA) *image.Paletted {
	const most = 128
	count := map[color.RGBA]int{}
	for i := 0; i+3 < len(p.Pix); i += 4 {
		count[color.RGBA{p.Pix[i], p.Pix[i+1], p.Pix[i+2], 0xff}]++
	}
	var all []color.RGBA
	for c := range count {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(int(a.R)<<16|int(a.G)<<8|int(a.B), int(b.R)<<16|int(b.G)<<8|int(b.B)))
	})
	var colors color.Palette
	var kept []color.RGBA
	for _, c := range all { // close ones share a place
		near := slices.ContainsFunc(kept, func(k color.RGBA) bool { return distance(k, c) < 40 })
		if !near && len(colors) < most {
			kept = append(kept, c)
			colors = append(colors, c)
		}
	}
	out := image.NewPaletted(image.Rect(0, 0, p.Rect.Dx(), p.Rect.Dy()), colors)
	place := map[color.RGBA]uint8{}
	for _, c := range all {
		best, at := int(^uint(0)>>1), 0
		for i, k := range kept {
			if d := distance(k, c); d < best {
				best, at = d, i
			}
		}
		place[c] = uint8(at)
	}
	for i := 0; i+3 < len(p.Pix); i += 4 {
		out.Pix[i/4] = place[color.RGBA{p.Pix[i], p.Pix[i+1], p.Pix[i+2], 0xff}]
	}
	return out
}

func distance(a, b color.RGBA) int {
	r, g, l := int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B)
	return r*r + g*g + l*l
}
