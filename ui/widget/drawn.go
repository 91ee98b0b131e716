package widget

import (
	"image"
	"image/draw"

	"kakoi/app/plot"
)

// drawn is a picture that is drawn again only when it would be another.
type drawn struct {
	picture image.Image
	as      drawnAs
}

// drawnAs is what a drawn picture is of: as long as it is the same, so is the picture.
type drawnAs struct {
	width, height, version int
	look                   plot.Look
}

// of is the picture for a size in pixels of a widget so wide, in a version of what it shows.
func (d *drawn) of(w, h, version int, width float32, k *inks, paint func(img draw.Image, look plot.Look)) image.Image {
	scale := 1.0
	if width > 0 {
		scale = float64(w) / float64(width)
	}
	as := drawnAs{w, h, version, k.look(scale)}
	if d.picture == nil || d.as != as {
		img := image.NewRGBA(image.Rect(0, 0, w, h))
		paint(img, as.look)
		d.picture, d.as = img, as
	}
	return d.picture
}
