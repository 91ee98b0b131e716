package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"math"
	"os"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/requests"

	"kakoi/core"
)

// openPDF is a document in an instance of PDFium of its own, which reads from the file as it needs to.
type openPDF struct {
	path     string
	key      string      // see drawn
	at       string      // of the file on the disk: path, or the archive it leads into
	file     *os.File    // nil when the document came out of an archive
	info     os.FileInfo // of at, when it was opened
	instance *pdfLib
	doc      *pdfDoc
	titles   map[int]map[string]bool // of its outline
	kept     map[int]*heldSheet      // pages read to compare with others
	lost     bool                    // the instance was stopped in the middle of a call
}

const (
	minDPI, maxDPI = 18, 600
	maxPixels      = 16 << 20 // of a picture: 64 MB
)

var errNoPage = fmt.Errorf("no such page: %w", core.ErrNotFound)

// openPDFFile opens a PDF; at the end of ctx it comes back with an error.
func openPDFFile(ctx context.Context, what drawn, doc *core.Document, opt Options) (*openPDF, error) {
	if doc.Kind != "pdf" {
		return nil, core.Explain(fmt.Errorf("draw %q: %w", what.path, core.ErrUnsupported), "error.file.kind", doc.Name)
	}
	o := &openPDF{path: what.path, key: what.key, at: what.path}
	from, size, err := o.source(ctx, what.data, doc, opt)
	if err != nil {
		return nil, err
	}
	head := make([]byte, 1024)
	n, err := io.ReadFull(from, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.Join(err, o.closeFile())
	}
	if !bytes.Contains(head[:n], []byte("%PDF-")) {
		return nil, errors.Join(fmt.Errorf("no pdf header: %w", core.ErrCorrupt), o.closeFile())
	}
	e, err := engine(opt)
	if err != nil {
		return nil, errors.Join(err, o.closeFile())
	}
	if o.instance, err = e.instance(ctx); err != nil {
		return nil, errors.Join(err, o.closeFile())
	}
	err = o.guard(ctx, func() error {
		o.instance.memory.allow(o.instance.begin, drawMemory)
		opt.file = doc.Name
		opt.Passwords = opt.Passwords.silent() // a page is looked at by somebody who has not asked for a document
		o.doc, err = o.instance.open(ctx, opt, func() *requests.OpenDocument {
			return &requests.OpenDocument{FileReader: from, FileReaderSize: size}
		})
		if err != nil {
			return err
		}
		o.titles, o.kept = o.doc.outline(), map[int]*heldSheet{}
		return nil
	})
	if err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// source opens what the document is read from: its file, or its bytes out of another file.
func (o *openPDF) source(ctx context.Context, data []byte, doc *core.Document, opt Options) (from io.ReadSeeker, size int64, err error) {
	in, archived := inside(o.path)
	if archived {
		o.at = in.archive
	}
	if archived || data != nil {
		if o.info, err = os.Stat(o.at); err != nil {
			return nil, 0, fmt.Errorf("open %q: %w", o.at, err)
		}
		if data == nil {
			data, err = in.load(ctx, doc, opt)
		}
		return bytes.NewReader(data), int64(len(data)), err
	}
	if o.file, err = openFile(ctx, o.path, doc, opt); err != nil {
		return nil, 0, err
	}
	if o.info, err = o.file.Stat(); err != nil {
		return nil, 0, errors.Join(err, o.closeFile())
	}
	return o.file, o.info.Size(), nil
}

func (o *openPDF) closeFile() error {
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}

// still says whether the document with this key is the one that is open here, and its file unchanged.
func (o *openPDF) still(key string) bool {
	info, err := os.Stat(o.at)
	return err == nil && key == o.key && os.SameFile(info, o.info) && info.Size() == o.info.Size() && info.ModTime().Equal(o.info.ModTime())
}

// guard runs fn, a stretch of calls of the instance. At the end of ctx the instance is stopped and lost.
func (o *openPDF) guard(ctx context.Context, fn func() error) (err error) {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		o.instance.stop()
	})
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("pdfium: %v", p)
		}
		if !stop() {
			<-stopped
			o.lost = true
			err = ctx.Err()
		}
		if err != nil && !errors.Is(err, core.ErrEncrypted) && !errors.Is(err, errNoPage) && ctx.Err() == nil {
			err = fmt.Errorf("draw pdf: %w: %w", err, core.ErrCorrupt)
		}
	}()
	return fn()
}

func (o *openPDF) close() {
	if o.lost {
		_ = o.instance.Kill()
	} else {
		_ = o.instance.Close() // fails after a trap; the instance is thrown away as a whole all the same
	}
	_ = o.closeFile() // only read from
}

func (o *openPDF) draw(ctx context.Context, number, dpi int) (Picture, error) {
	out := Picture{Pages: o.doc.count}
	if number < 1 || number > o.doc.count {
		return out, fmt.Errorf("page %d of %d: %w", number, o.doc.count, errNoPage)
	}
	err := o.guard(ctx, func() error {
		size, err := o.instance.FPDF_GetPageSizeByIndex(&requests.FPDF_GetPageSizeByIndex{Document: o.doc.ref, Index: number - 1})
		if err != nil {
			return fmt.Errorf("measure page %d: %w", number, err)
		}
		var width int
		if width, out.DPI, err = pixels(size.Width, size.Height, dpi); err != nil {
			return fmt.Errorf("page %d: %w", number, err)
		}
		page := requests.Page{ByIndex: &requests.PageByIndex{Document: o.doc.ref, Index: number - 1}}
		if out.Image, err = o.picture(page, width); err != nil {
			return fmt.Errorf("draw page %d: %w", number, err)
		}
		h, text, chars, err := o.doc.single(number-1, o.kept, o.titles)
		if err != nil {
			return err
		}
		out.Text, out.codes = text, []rune(text)
		if out.boxes, err = o.places(page, h.sheet.boxes(chars), out.Image.Rect); err != nil {
			return fmt.Errorf("map page %d: %w", number, err)
		}
		return nil
	})
	return out, err
}

// pixels is how wide a sheet of so many points is drawn, and at which resolution.
func pixels(width, height float64, dpi int) (int, int, error) {
	if !(width > 0 && height > 0 && width < 1e6 && height < 1e6) {
		return 0, 0, fmt.Errorf("sheet of %g x %g points", width, height)
	}
	scale := float64(min(max(dpi, minDPI), maxDPI)) / 72
	if area := width * height * scale * scale; area > maxPixels {
		scale *= math.Sqrt(maxPixels / area)
	}
	return max(1, int(width*scale)), max(1, int(math.Round(scale*72))), nil
}

// picture draws a page on white paper.
func (o *openPDF) picture(page requests.Page, width int) (*image.RGBA, error) {
	drawn, err := o.instance.RenderPageInPixels(&requests.RenderPageInPixels{Page: page, Width: width, RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT})
	if err != nil {
		return nil, err
	}
	defer drawn.Cleanup()
	raw, ok := drawn.Result.RenderedImage.(*image.RGBA)
	if !ok {
		return nil, fmt.Errorf("picture is a %T", drawn.Result.RenderedImage)
	}
	out := image.NewRGBA(raw.Rect)
	if !drawn.Result.HasTransparency {
		copy(out.Pix, raw.Pix)
		return out, nil
	}
	draw.Draw(out, out.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(out, out.Rect, &image.NRGBA{Pix: raw.Pix, Stride: raw.Stride, Rect: raw.Rect}, image.Point{}, draw.Over)
	return out, nil
}

// places tells where characters stand on a picture of the page, whatever way up the sheet is and however it is cropped.
func (o *openPDF) places(page requests.Page, boxes []Box, picture image.Rectangle) ([]rect, error) {
	// PDFium answers in whole pixels: a picture 64 times as large gives the fractions, three points the whole mapping.
	const fine, far = 64, 1000
	var x, y [3]float64
	for i, at := range [3][2]float64{{0, 0}, {far, 0}, {0, far}} {
		d, err := o.instance.FPDF_PageToDevice(&requests.FPDF_PageToDevice{
			Page: page, SizeX: picture.Dx() * fine, SizeY: picture.Dy() * fine, PageX: at[0], PageY: at[1],
		})
		if err != nil {
			return nil, err
		}
		x[i], y[i] = float64(d.DeviceX)/fine, float64(d.DeviceY)/fine
	}
	right := [2]float64{(x[1] - x[0]) / far, (y[1] - y[0]) / far}
	up := [2]float64{(x[2] - x[0]) / far, (y[2] - y[0]) / far}
	out := make([]rect, len(boxes))
	for i, b := range boxes {
		if b.Empty() {
			continue
		}
		corner := func(px, py float64) (float64, float64) {
			return x[0] + px*right[0] + py*up[0], y[0] + px*right[1] + py*up[1]
		}
		ax, ay := corner(b.Left, b.Bottom)
		bx, by := corner(b.Right, b.Top)
		out[i] = rect{min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)}
	}
	return out, nil
}
