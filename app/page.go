package app

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"log/slog"
	"slices"
	"sync"

	"kakoi/core"
	"kakoi/core/ingest"
)

// Pages shows the pages of documents: as they are printed, where that can be had, else as text. Close frees what it holds.
type Pages struct {
	library  *Library
	pictures *ingest.Pictures

	mu      sync.Mutex
	drawn   []drawnPage // last used last
	checked map[string]fileCheck
}

// Span is a stretch of a page's text, in characters.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"` // one past the last
}

// Mark is a Span and where it stands on the picture of its page: one rectangle for each line, none without a picture.
type Mark struct {
	Span
	Places []image.Rectangle
}

// PageQuery asks for a page.
type PageQuery struct {
	Collection string // its name; "": see Library.Collection
	Document   string // Document.ID
	Page       int    // from 1
	DPI        int    // of the picture; 0: the text will do
	Marks      []Span
	Outline    bool // with the chunks of the page
}

// PageView is a page to look at.
type PageView struct {
	Document core.Document
	Number   int
	Pages    int
	Text     string
	Picture  *image.RGBA // nil: Note says why. Not to be drawn on
	Letters  *Letters    // of the text on the picture; nil without a picture, and with NoteMoved
	Marks    []Mark      // those asked for, in that order
	Chunks   []Mark      // of the page, in reading order
	Note     string      // key of the translations, one of those below; "" where there is nothing to say
	Cause    error       // of NoteUnreadable
}

// Notes of a PageView.
const (
	NoteGone       = "page.note.gone"       // the file is no longer where it was read
	NoteChanged    = "page.note.changed"    // the file has changed since it was read
	NoteKind       = "page.note.kind"       // files of this kind have no printed pages
	NoteUnreadable = "page.note.unreadable" // the file is there and cannot be shown
	NoteOCR        = "page.note.ocr"        // the picture is shown; its text was read from it, so nothing is marked
	NoteMoved      = "page.note.moved"      // the picture is shown; its text is laid out otherwise than the library's, so nothing is marked
)

// OpenPages makes the use-case. Nothing is opened before the first picture.
func OpenPages(l *Library) *Pages {
	p := &Pages{library: l, pictures: ingest.OpenPictures(l.Read), checked: map[string]fileCheck{}}
	l.forget = append(l.forget, p.forget)
	return p
}

// Warm opens what draws pages, so that the first picture comes at once: 0.2 s, or some seconds where nothing is prepared.
func (p *Pages) Warm() error { return p.pictures.Warm() }

// Close stops what is being drawn. The Library stays open.
func (p *Pages) Close() error {
	p.mu.Lock()
	p.drawn = nil
	p.mu.Unlock()
	return p.pictures.Close()
}

// View gives one page. Without a picture there is still the text, and a note: errors are for pages that the library does not
// have.
func (p *Pages) View(ctx context.Context, q PageQuery) (PageView, error) {
	v, err := p.text(ctx, q)
	if err != nil {
		return v, err
	}
	switch state, err := p.check(ctx, v.Document); {
	case ctx.Err() != nil:
		return v, ctx.Err()
	case state == fileGone:
		v.Note = NoteGone
	case state == fileUnreadable:
		v.Note, v.Cause = NoteUnreadable, err
	case state == fileChanged:
		v.Note = NoteChanged
	case v.Document.Kind != "pdf" && !ingest.IsPicture(v.Document.Kind):
		v.Note = NoteKind
	case q.DPI > 0:
		return v, p.draw(ctx, &v, q.DPI)
	}
	return v, nil
}

// text is the view without a picture.
func (p *Pages) text(ctx context.Context, q PageQuery) (PageView, error) {
	c, err := p.library.Collection(ctx, q.Collection)
	if err != nil {
		return PageView{}, err
	}
	doc, err := p.library.Store.Document(ctx, c.ID, q.Document)
	if errors.Is(err, core.ErrNotFound) {
		return PageView{}, core.Explain(fmt.Errorf("show page: %w", err), "error.library.document", q.Document)
	}
	if err != nil {
		return PageView{}, fmt.Errorf("show page of %q: %w", q.Document, err)
	}
	pages, err := p.library.Store.Pages(ctx, c.ID, q.Document)
	if err != nil {
		return PageView{}, fmt.Errorf("show page of %q: %w", doc.Name, err)
	}
	if len(pages) == 0 {
		return PageView{}, core.Explain(fmt.Errorf("show page of %q: state %s: %w", doc.Name, doc.State, core.ErrEmpty), "error.page.none", doc.Name)
	}
	at := slices.IndexFunc(pages, func(page core.Page) bool { return page.Number == q.Page })
	if at < 0 {
		err := fmt.Errorf("show page %d of %q: %w", q.Page, doc.Name, core.ErrNotFound)
		return PageView{}, core.Explain(err, "error.page.number", doc.Name, q.Page, len(pages))
	}
	v := PageView{Document: doc, Number: q.Page, Pages: len(pages), Text: pages[at].Text}
	length := len([]rune(v.Text))
	for _, s := range q.Marks {
		start := min(max(s.Start, 0), length)
		v.Marks = append(v.Marks, Mark{Span: Span{start, min(max(s.End, start), length)}})
	}
	if !q.Outline {
		return v, nil
	}
	chunks, err := p.library.Store.Chunks(ctx, c.ID, q.Document)
	if err != nil {
		return PageView{}, fmt.Errorf("outline page of %q: %w", doc.Name, err)
	}
	for _, chunk := range chunks {
		if chunk.Page == q.Page {
			v.Chunks = append(v.Chunks, Mark{Span: Span{chunk.Start, chunk.End}})
		}
	}
	return v, nil
}

// draw adds the picture and the places of the marks on it; a file that cannot be shown is a note.
func (p *Pages) draw(ctx context.Context, v *PageView, dpi int) error {
	picture, err := p.picture(ctx, v.Document, v.Number, dpi)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrNotExist):
		v.Note = NoteGone
		return nil
	case err != nil:
		slog.Warn("draw page", "document", v.Document.ID, "page", v.Number, "error", err)
		v.Note, v.Cause = NoteUnreadable, err
		return nil
	}
	v.Picture = picture.Image
	if picture.Text != v.Text { // read by another version of the program, or with other fonts
		if v.Note = NoteMoved; readFromPicture(v.Document, v.Number) {
			v.Note = NoteOCR
		}
		return nil
	}
	v.Letters = &Letters{picture}
	for _, marks := range [][]Mark{v.Marks, v.Chunks} {
		for i, m := range marks {
			marks[i].Places = picture.Marks(m.Start, m.End)
		}
	}
	return nil
}
