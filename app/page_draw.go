package app

import (
	"image"
	"image/color"
	"image/draw"
)

// Colours of Drawn: the marker of a passage and the outline of a chunk.
var (
	markerColor  = color.RGBA{255, 224, 102, 255}
	outlineColor = color.RGBA{31, 111, 107, 255}
)

// Drawn is the picture with the marks laid over as a marker does, so that letters stay black, and the chunks outlined; nil
// without a picture.
func (v PageView) Drawn() *image.RGBA {
	if v.Picture == nil {
		return nil
	}
	out := image.NewRGBA(v.Picture.Rect)
	copy(out.Pix, v.Picture.Pix)
	marked := image.NewAlpha(out.Rect) // lines that touch are not darker where they do
	for _, m := range v.Marks {
		for _, r := range m.Places {
			draw.Draw(marked, r, image.Opaque, image.Point{}, draw.Src)
		}
	}
	tint := [3]uint32{uint32(markerColor.R), uint32(markerColor.G), uint32(markerColor.B)}
	for i, a := range marked.Pix {
		if a == 0 {
			continue
		}
		for j, t := range tint {
			out.Pix[4*i+j] = uint8(uint32(out.Pix[4*i+j]) * t / 255)
		}
	}
	for _, c := range v.Chunks {
		if len(c.Places) == 0 {
			continue
		}
		outline(out, c.Bounds().Inset(-2))
	}
	return out
}

// Bounds is the rectangle around all places of the mark.
func (m Mark) Bounds() image.Rectangle {
	var all image.Rectangle
	for _, r := range m.Places {
		all = all.Union(r)
	}
	return all
}

func outline(img *image.RGBA, r image.Rectangle) {
	r = r.Intersect(img.Rect)
	pen := image.NewUniform(outlineColor)
	for _, side := range []image.Rectangle{
		image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+1), image.Rect(r.Min.X, r.Max.Y-1, r.Max.X, r.Max.Y),
		image.Rect(r.Min.X, r.Min.Y, r.Min.X+1, r.Max.Y), image.Rect(r.Max.X-1, r.Min.Y, r.Max.X, r.Max.Y),
	} {
		draw.Draw(img, side, pen, image.Point{}, draw.Src)
	}
}
