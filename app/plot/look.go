package plot

import (
	"fmt"
	"image/color"
	"math"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Look is how a picture looks. Light and Dark give the two of the program.
type Look struct {
	Back   color.NRGBA // behind all; alpha 0 leaves what is there
	Ink    color.NRGBA // words
	Faint  color.NRGBA // words of the axes
	Grid   color.NRGBA
	First  color.NRGBA // training; the bar of before
	Second color.NRGBA // validation; the bar of after
	Mark   color.NRGBA // the best
	Font   *Font
	Size   float64 // of the words, in pixels
}

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 0xff}
}

// Light is the look on paper, and of the light theme.
func Light(f *Font, size float64) Look {
	return Look{rgb(0xffffff), rgb(0x23262b), rgb(0x63665f), rgb(0xe4e2db), rgb(0x8a9bb0), rgb(0x1f6f6b), rgb(0xb3372f), f, size}
}

// Dark is the look of the dark theme.
func Dark(f *Font, size float64) Look {
	return Look{rgb(0x25282c), rgb(0xe8e6e1), rgb(0xa5a8a9), rgb(0x3a3e44), rgb(0x7f93ab), rgb(0x5fb7ae), rgb(0xe5766c), f, size}
}

// Font draws words in any size. It may be used by several goroutines.
type Font struct {
	outlines *opentype.Font
	mu       sync.Mutex
	faces    map[float64]font.Face
}

// NewFont reads a TrueType font; nil is the one of the Go project, which has Latin letters only.
func NewFont(raw []byte) (*Font, error) {
	if raw == nil {
		raw = goregular.TTF
	}
	outlines, err := opentype.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("read font: %w", err)
	}
	return &Font{outlines: outlines, faces: map[float64]font.Face{}}, nil
}

// keptFaces bounds how many sizes a Font remembers: a window that is being resized asks for one or two.
const keptFaces = 8

// use calls fn with the font in a size, in pixels.
func (f *Font) use(size float64, fn func(font.Face)) {
	size = math.Max(1, math.Round(size*4)/4)
	f.mu.Lock()
	defer f.mu.Unlock()
	face := f.faces[size]
	if face == nil {
		made, err := opentype.NewFace(f.outlines, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
		if err != nil { // the size is the only thing that could be wrong, and it is not
			return
		}
		if len(f.faces) >= keptFaces {
			clear(f.faces)
		}
		face, f.faces[size] = made, made
	}
	fn(face)
}

// width of a text, in pixels.
func (f *Font) width(text string, size float64) float64 {
	var w fixed.Int26_6
	f.use(size, func(face font.Face) { w = font.MeasureString(face, text) })
	return float64(w) / 64
}
