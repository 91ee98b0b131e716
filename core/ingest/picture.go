package ingest

import (
	"context"
	"errors"
	"fmt"
	"image"
	"path/filepath"
	"time"

	"kakoi/core"
)

// Pictures draws pages of PDFs. It keeps the document last shown open, so that its next page comes at once, and gives it
// up after a while without questions. Pages are drawn one after the other. It is safe for concurrent use.
type Pictures struct {
	opt   Options
	busy  chan struct{}   // whoever could send has the fields below
	life  context.Context // ends with Close
	end   context.CancelFunc
	shown *openPDF
	idle  *time.Timer
}

const (
	pictureLimit = 30 * time.Second // for one page
	pictureGrace = 2 * time.Second  // for a page that nobody waits for any more: stopping it costs the open document
	pictureIdle  = 3 * time.Minute
)

var errPicturesClosed = errors.New("pictures are closed")

// Picture is a page as it is printed.
type Picture struct {
	Image *image.RGBA
	DPI   int    // it was drawn with: less than asked for where a sheet is huge
	Pages int    // of the document
	Text  string // of the page, as Read gives it

	codes []rune
	boxes []rect // where each character stands on Image
}

// Bytes is about how much memory the picture takes.
func (p Picture) Bytes() int { return len(p.Image.Pix) + len(p.Text) + 36*len(p.boxes) }

// OpenPictures opens nothing before the first page is asked for.
func OpenPictures(opt Options) *Pictures {
	p := &Pictures{opt: opt, busy: make(chan struct{}, 1)}
	p.life, p.end = context.WithCancel(context.Background())
	p.idle = time.AfterFunc(pictureIdle, p.rest)
	p.idle.Stop()
	return p
}

// Warm opens the engine, so that the first page need not wait for it (0.2 s, and 50 MB).
func (p *Pictures) Warm() error {
	_, err := engine(p.opt)
	return err
}

// Page draws one page of the PDF at path; number counts from 1. Errors are those of Read; core.ErrNotFound with no sentence
// for a person is a page that the document does not have.
func (p *Pictures) Page(ctx context.Context, path string, number, dpi int) (Picture, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Picture{}, fmt.Errorf("draw page of %q: %w", path, err)
	}
	return p.alone(ctx, func(ctx context.Context) (Picture, error) {
		if IsPicture(Kind(abs)) {
			return p.file(ctx, abs, number, dpi)
		}
		return p.draw(ctx, drawn{path: abs, key: abs}, number, dpi)
	})
}

// inner draws a page of a PDF that lies in the file at path; key tells it from others.
func (p *Pictures) inner(ctx context.Context, path, key string, data []byte, number, dpi int) (Picture, error) {
	return p.alone(ctx, func(ctx context.Context) (Picture, error) {
		return p.draw(ctx, drawn{path: path, key: key, data: data}, number, dpi)
	})
}

// file draws a page of a file that is a picture.
func (p *Pictures) file(ctx context.Context, abs string, number, dpi int) (Picture, error) {
	doc := core.Document{Name: filepath.Base(abs), Source: abs, Kind: Kind(abs)}
	data, err := loadAny(ctx, abs, &doc, p.opt)
	if err != nil {
		return Picture{}, p.because(ctx, err, doc)
	}
	frames, err := pictureFrames(data)
	if err != nil {
		return Picture{}, p.because(ctx, err, doc)
	}
	if number < 1 || number > len(frames) {
		return Picture{Pages: len(frames)}, fmt.Errorf("page %d of %d: %w", number, len(frames), errNoPage)
	}
	img, err := drawFrame(data, frames[number-1], toBeSeen(dpi))
	if err != nil {
		return Picture{}, p.because(ctx, err, doc)
	}
	return Picture{Image: img, DPI: dpi, Pages: len(frames)}, ctx.Err()
}

// alone runs one drawing after the other. Nobody waits for it longer than ctx.
func (p *Pictures) alone(ctx context.Context, work func(context.Context) (Picture, error)) (Picture, error) {
	select {
	case p.busy <- struct{}{}:
	case <-ctx.Done():
		return Picture{}, ctx.Err()
	}
	type result struct {
		picture Picture
		err     error
	}
	done := make(chan result, 1)
	limit, cancel := context.WithTimeout(p.life, pictureLimit)
	go func() {
		defer cancel()
		picture, err := work(limit)
		p.idle.Reset(pictureIdle)
		<-p.busy
		done <- result{picture, err}
	}()
	select {
	case r := <-done:
		return r.picture, r.err
	case <-ctx.Done():
		time.AfterFunc(pictureGrace, cancel)
		return Picture{}, ctx.Err()
	}
}

// drawn is a PDF whose pages are drawn.
type drawn struct {
	path string // of its file, or of the file it lies in
	key  string // path, or another for each that lies in a file
	data []byte // of one that lies in a file
}

func (p *Pictures) draw(ctx context.Context, from drawn, number, dpi int) (Picture, error) {
	doc := core.Document{Name: filepath.Base(from.path), Source: from.path, Kind: "pdf"}
	if from.data == nil {
		doc.Kind = Kind(from.path)
	}
	if p.life.Err() != nil {
		return Picture{}, errPicturesClosed
	}
	if p.shown != nil && !p.shown.still(from.key) {
		p.forget()
	}
	if p.shown == nil {
		opened, err := openPDFFile(ctx, from, &doc, p.opt)
		if err != nil {
			return Picture{}, p.because(ctx, err, doc)
		}
		p.shown = opened
	}
	picture, err := p.shown.draw(ctx, number, dpi)
	if err != nil {
		if !errors.Is(err, core.ErrNotFound) {
			p.forget()
		}
		return Picture{}, p.because(ctx, err, doc)
	}
	return picture, nil
}

// because explains err, or tells that time was up or that Close came in between.
func (p *Pictures) because(ctx context.Context, err error, doc core.Document) error {
	switch {
	case p.life.Err() != nil:
		return errPicturesClosed
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return core.Explain(fmt.Errorf("draw page of %q: %w", doc.Source, ctx.Err()), "error.file.slow", doc.Name)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errNoPage):
		return err
	}
	return explain(err, doc)
}

// rest gives up the document shown, unless a page is being drawn: that sets the clock again.
func (p *Pictures) rest() {
	select {
	case p.busy <- struct{}{}:
		p.forget()
		<-p.busy
	default:
	}
}

// Forget gives up the open document and its pages, once the page that is being drawn is done.
func (p *Pictures) Forget() {
	p.busy <- struct{}{}
	p.forget()
	<-p.busy
}

func (p *Pictures) forget() {
	if p.shown != nil {
		p.shown.close()
		p.shown = nil
	}
}

// Close stops what is being drawn, waits for it, and frees the document.
func (p *Pictures) Close() error {
	p.end()
	p.busy <- struct{}{}
	p.idle.Stop()
	p.forget()
	<-p.busy
	return nil
}
