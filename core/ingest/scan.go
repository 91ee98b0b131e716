package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // image.Decode reads it
	_ "image/png"  // the same
	"io"
	"math"
	"os"
	"syscall"

	"golang.org/x/image/draw"

	"kakoi/core"
)

// Files that are pictures (PNG, JPEG, TIFF) are pages without text: text recognition may find some on them. They are read as far as is needed to say how
// many pages there are; Scans and Pictures draw them.

const (
	// Pictures below these bounds, in points of the picture, are icons and ornaments: nothing on them is worth reading.
	iconSide, iconArea = 240, 150_000

	// maxPictureBytes is the largest picture that is unpacked, in bytes of its colours: A3 at 600 dpi in full colour.
	maxPictureBytes = 320 << 20

	// headBytes of a picture are enough to tell its size, what cameras put before it included.
	headBytes = 1 << 20
)

var (
	errPicture = fmt.Errorf("a picture without text: %w", core.ErrEmpty)
	errIcon    = fmt.Errorf("a picture of few points: %w", core.ErrEmpty)
	errPoints  = errors.New("no picture that is known")
)

// IsPicture says whether a Document.Kind is that of pictures.
func IsPicture(kind string) bool { return kind == "png" || kind == "jpg" || kind == "tiff" }

// pictureTexts are those of the pages of a picture: none, but it is noted that they could be read.
func (r *reading) pictureTexts(kind string, data []byte) ([]string, error) {
	frames, err := pictureFrames(data)
	if err != nil {
		return nil, err
	}
	if len(frames) > maxPages {
		return nil, fmt.Errorf("%d pages: %w", len(frames), errBomb)
	}
	mark, some := r.q.inside(), false
	for i, f := range frames {
		if f.icon() {
			r.q.note(core.Finding{What: core.FindingBlank, Page: i + 1})
			continue
		}
		some = true
		r.q.note(core.Finding{What: core.FindingPicture, Page: i + 1})
	}
	if !some {
		return nil, errIcon
	}
	r.q.keepScan(mark, len(frames), kind, data)
	return make([]string, len(frames)), nil
}

// frame is one picture of a file.
type frame struct {
	width, height int
	bytes         int64 // of its colours, about
	turned        int   // as EXIF and TIFF number orientations: 1 is upright
	at            int64 // of its directory in a TIFF
}

func (f frame) icon() bool {
	return min(f.width, f.height) < iconSide || f.width*f.height < iconArea
}

var jpegMagic = []byte("\xff\xd8\xff")

// pictureFrames are the pictures of a file of any of the formats, whatever its name says.
func pictureFrames(data []byte) ([]frame, error) {
	if isTIFF(data) {
		return tiffFrames(data)
	}
	one, err := headFrame(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, jpegMagic) {
		one.turned = jpegOrientation(data)
	}
	return []frame{one}, nil
}

// headFrame reads the size of a PNG or JPEG.
func headFrame(r io.Reader) (frame, error) {
	c, format, err := image.DecodeConfig(r)
	if err == nil && (format != "png" && format != "jpeg" || c.Width <= 0 || c.Height <= 0) {
		err = errPoints
	}
	if err != nil {
		return frame{}, fmt.Errorf("picture: %w: %w", err, core.ErrCorrupt)
	}
	return frame{width: c.Width, height: c.Height, bytes: int64(c.Width) * int64(c.Height) * colourBytes(c.ColorModel), turned: 1}, nil
}

// colourBytes is what a point takes once it is unpacked.
func colourBytes(m color.Model) int64 {
	switch m {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.YCbCrModel:
		return 3
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	return 4
}

// isIcon says whether what open opens is a picture of few points. TIFF is what scanners write, and may hold its size anywhere.
func isIcon(kind string, open func() (io.ReadCloser, error)) bool {
	if kind != "png" && kind != "jpg" {
		return false
	}
	f, err := open()
	if err != nil {
		return false // Read will say why
	}
	defer f.Close()
	one, err := headFrame(io.LimitReader(f, headBytes))
	return err == nil && one.icon()
}

func openPlain(path string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) }
}

// drawFrame draws one picture of a file upright on white paper, as large as times says for its size.
func drawFrame(data []byte, f frame, times func(width, height int) float64) (*image.RGBA, error) {
	if f.bytes > maxPictureBytes {
		return nil, fmt.Errorf("picture of %d x %d points: %w", f.width, f.height, core.ErrTooLarge)
	}
	img, err := unpack(data, f)
	if err != nil {
		return nil, fmt.Errorf("unpack picture: %w: %w", err, core.ErrCorrupt)
	}
	from := img.Bounds()
	if from.Empty() || int64(from.Dx())*int64(from.Dy()) > maxPictureBytes {
		return nil, fmt.Errorf("picture of %v: %w", from, core.ErrCorrupt)
	}
	scale := times(from.Dx(), from.Dy())
	out := image.NewRGBA(image.Rect(0, 0, max(1, int(float64(from.Dx())*scale)), max(1, int(float64(from.Dy())*scale))))
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	if out.Rect.Size() == from.Size() {
		draw.Draw(out, out.Rect, img, from.Min, draw.Over)
	} else {
		draw.ApproxBiLinear.Scale(out, out.Rect, img, from, draw.Over, nil)
	}
	return upright(out, f.turned), nil
}

// unpack gives the colours of a picture. The decoders are not trusted to end in order.
func unpack(data []byte, f frame) (img image.Image, err error) {
	defer func() {
		if p := recover(); p != nil {
			img, err = nil, fmt.Errorf("decoder: %v", p)
		}
	}()
	if isTIFF(data) {
		return unpackTIFF(data, f)
	}
	img, _, err = image.Decode(bytes.NewReader(data))
	return img, err
}

// upright turns a picture that lies in one of the eight ways of EXIF and TIFF.
func upright(img *image.RGBA, turned int) *image.RGBA {
	if turned < 2 || turned > 8 {
		return img
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	size := image.Rect(0, 0, w, h)
	if turned >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewRGBA(size)
	for y := range h {
		for x := range w {
			var to image.Point
			switch turned {
			case 2:
				to = image.Pt(w-1-x, y)
			case 3:
				to = image.Pt(w-1-x, h-1-y)
			case 4:
				to = image.Pt(x, h-1-y)
			case 5:
				to = image.Pt(y, x)
			case 6:
				to = image.Pt(h-1-y, x)
			case 7:
				to = image.Pt(h-1-y, w-1-x)
			case 8:
				to = image.Pt(y, w-1-x)
			}
			copy(out.Pix[out.PixOffset(to.X, to.Y):][:4], img.Pix[img.PixOffset(x, y):][:4])
		}
	}
	return out
}

// toBeRead is how much larger a picture is drawn for text recognition: screenshots and scans at 150 dpi twice, as its models are trained for 300
// dpi; what is beyond the limit of a picture less.
func toBeRead(width, height int) float64 {
	area := float64(width) * float64(height)
	switch {
	case area*4 <= maxPixels*0.6:
		return 2
	case area > maxPixels:
		return math.Sqrt(maxPixels / area)
	}
	return 1
}

// sheetInches is how long the longer side of a picture is taken to be, as nothing tells it: that of A4.
const sheetInches = 11.7

// toBeSeen is how large a picture is drawn for a person who looks at pages with a resolution: not larger than it is.
func toBeSeen(dpi int) func(width, height int) float64 {
	return func(width, height int) float64 {
		return min(1, sheetInches*float64(min(max(dpi, minDPI), maxDPI))/float64(max(width, height)), toBeRead(width, height))
	}
}
