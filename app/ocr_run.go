package app

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"log/slog"
	"runtime"
	"slices"
	"sync"

	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/core/ocr"
)

// recognition is one run of Library.OCR.
type recognition struct {
	*adder
	reader ocr.Reader
	hear   OCROptions
	docs   []core.Document
	done   OCRSummary

	mu    sync.Mutex // the fields below, and done
	count OCRCount
	sure  int // the sum of the confidences of pages with text
	bad   int // pages in a row that the program failed on
}

const (
	ocrDPI = 300 // what Tesseract's languages are trained for

	// mostBad pages in a row that the program fails on are its own trouble, not the pages'.
	mostBad = 5
)

// readers is how many pages are read side by side: half of the processors, since the window and the engine want some, too.
func readers() int { return max(1, min(4, runtime.NumCPU()/2)) }

func (r *recognition) run(ctx context.Context, p core.Progress) (err error) {
	r.split = Split(r.plan.Splitter)
	if r.splitPrint, err = fingerprint(r.split); err != nil {
		return err
	}
	pictures := ingest.OpenPictures(r.Read)
	defer pictures.Close()
	r.files = len(r.docs)
	for _, d := range r.docs {
		r.count.Of += len(UnreadPages(d))
	}
	r.tell(p, r.docs[0], 0, 0)
	for _, d := range r.docs {
		err := r.document(ctx, p, pictures, d)
		var refused *documentError
		switch {
		case errors.As(err, &refused):
			r.fail(d.Source, refused.error)
		case errors.Is(err, errRemoved):
			if err := r.forgetOCR(ctx, r.collection.ID, d.ID); err != nil {
				return err
			}
		case err != nil:
			return err
		}
	}
	return ctx.Err()
}

// documentError is trouble of one document; the others may fare better.
type documentError struct{ error }

func (e *documentError) Unwrap() error { return e.error }

// errRemoved ends the reading of a document that a person has removed meanwhile. It is not put back.
var errRemoved = errors.New("the document was removed while its pages were read")

// there says whether a document is still in the library: nil, or errRemoved.
func (r *recognition) there(ctx context.Context, d core.Document) error {
	_, err := r.Store.Document(ctx, r.collection.ID, d.ID)
	if errors.Is(err, core.ErrNotFound) {
		return errRemoved
	}
	return err
}

// document reads the pages of one document, then stores their text.
func (r *recognition) document(ctx context.Context, p core.Progress, pictures *ingest.Pictures, d core.Document) error {
	numbers, draw := UnreadPages(d), drawPage(func(ctx context.Context, number int) (image.Image, int, error) {
		picture, err := pictures.Page(ctx, d.Source, number, ocrDPI)
		return picture.Image, picture.DPI, err
	})
	now, err := ingest.Stat(d.Source)
	switch {
	case err != nil:
		r.tell(p, d, 0, len(numbers))
		return &documentError{core.Explain(fmt.Errorf("text recognition of %q: %w", d.Source, errors.Join(core.ErrNotFound, err)), "error.file.missing", d.Source)}
	case now.Size != d.Size || !now.ModTime.Equal(d.Modified):
		r.tell(p, d, 0, len(numbers))
		return &documentError{core.Explain(fmt.Errorf("text recognition of %q: the file has changed: %w", d.Source, core.ErrBusy), "error.ocr.changed", d.Name)}
	}
	if named := func(f core.Finding) bool { return f.Readable() && f.Name != "" }; d.Kind != "pdf" || slices.ContainsFunc(d.Findings, named) {
		scans := ingest.OpenScans(pictures, d.Source, r.Read)
		before := len(numbers)
		if numbers, err = r.anew(ctx, scans, d); err != nil {
			r.tell(p, d, 0, before)
			return err
		}
		r.expect(len(numbers) - before)
		draw = func(ctx context.Context, number int) (image.Image, int, error) {
			return scans.Page(ctx, number, ocrDPI)
		}
	}
	have, err := r.kept(ctx, r.collection.ID, d)
	if err != nil {
		return err
	}
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work := make(chan int)
	var wg sync.WaitGroup
	for range readers() {
		wg.Go(func() {
			for number := range work {
				if err := r.page(inner, p, draw, d, number); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, number := range numbers {
		if text, known := have[number]; known {
			r.counted(text)
			r.tell(p, d, number, 1)
			continue
		}
		select {
		case work <- number:
		case <-inner.Done():
		}
	}
	close(work)
	wg.Wait()
	if err := context.Cause(inner); err != nil {
		return err
	}
	return r.store(ctx, d)
}

// drawPage draws a page; the resolution is 0 where nothing tells it.
type drawPage func(ctx context.Context, number int) (picture image.Image, dpi int, err error)

// anew reads a file with files inside once more: what is drawn is known by the numbers of that reading. It gives those of pages that are to be read.
func (r *recognition) anew(ctx context.Context, scans *ingest.Scans, d core.Document) ([]int, error) {
	fresh, _, err := scans.Read(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && !errors.Is(err, core.ErrEmpty):
		return nil, &documentError{err}
	case fresh.SHA256 != d.SHA256:
		return nil, &documentError{core.Explain(fmt.Errorf("text recognition of %q: the file has changed: %w", d.Source, core.ErrBusy), "error.ocr.changed", d.Name)}
	}
	done := pagesOf(d, wasRead)
	return slices.DeleteFunc(UnreadPages(fresh), func(n int) bool {
		_, is := slices.BinarySearch(done, n)
		return is
	}), nil
}

// expect counts pages that turned out to be there, or not to be.
func (r *recognition) expect(more int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count.Of += more
}

// page reads one page and keeps its text.
func (r *recognition) page(ctx context.Context, p core.Progress, drawn drawPage, d core.Document, number int) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.tell(p, d, number, 0)
	text := pageText{SHA256: d.SHA256, Page: number}
	picture, dpi, err := drawn(ctx, number)
	var read ocr.Page
	if err == nil {
		grey := image.NewGray(picture.Bounds())
		draw.Draw(grey, grey.Rect, picture, grey.Rect.Min, draw.Src)
		read, err = r.reader.Read(ctx, grey, ocr.Options{Languages: r.done.Languages, DPI: dpi})
		err = r.failing(ctx, err)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errBadProgram):
		return err
	case errors.Is(err, core.ErrBusy): // the file changed meanwhile
		return &documentError{err}
	case errors.Is(err, core.ErrUnsupported): // the program failed, not the page: it stays to be read
		slog.Warn("read page by text recognition", "document", d.ID, "page", number, "error", err)
		r.counted(text)
		r.tell(p, d, number, 1)
		return nil
	case err != nil: // the page cannot be drawn, or its picture is too much: the others are worth having
		slog.Warn("read page by text recognition", "document", d.ID, "page", number, "error", err)
	default:
		text.Text, text.Confidence, text.Language = read.Text, read.Confidence, read.Language
	}
	if err := errors.Join(r.keep(ctx, r.collection.ID, d.ID, text), r.there(ctx, d)); err != nil {
		return err
	}
	r.counted(text)
	r.tell(p, d, number, 1)
	return nil
}

var errBadProgram = errors.New("the text recognition program fails")

// failing notices a program that fails on every page.
func (r *recognition) failing(ctx context.Context, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.bad = 0
	case ctx.Err() == nil && !errors.Is(err, core.ErrTooLarge):
		if r.bad++; r.bad >= mostBad || r.bad == r.count.Of {
			return fmt.Errorf("%w: %w", errBadProgram, err)
		}
	}
	return err
}

// counted adds a page that was read to the summary.
func (r *recognition) counted(text pageText) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text.Text == "" {
		r.done.Nothing++
		return
	}
	r.done.Pages++
	r.sure += text.Confidence
}

// tell reports that a page was begun, and how many came to their end.
func (r *recognition) tell(p core.Progress, d core.Document, number, ended int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count.Pages += ended
	r.count.Name, r.count.Page = d.Name, number
	p.Report(core.Update{Stage: "ocr", Done: int64(r.count.Pages), Total: int64(r.count.Of), Note: fmt.Sprintf("%d/%d %s", r.count.Pages, r.count.Of, d.Name)})
	if r.hear.Count != nil {
		r.hear.Count(r.count)
	}
}

// store reads the document's file once more, with the texts that were kept, and puts it into the library.
func (r *recognition) store(ctx context.Context, d core.Document) error {
	before := len(r.summary.Failed) + r.summary.Pictures
	var gone error
	file := ingest.File{Path: d.Source, Size: d.Size, ModTime: d.Modified, Kind: d.Kind}
	err := r.work(ctx, func(ctx context.Context, ready chan<- prepared) {
		f := r.prepare(ctx, file, map[string]core.Document{d.ID: d}, "")
		f.force = true
		if gone = r.there(ctx, d); gone != nil {
			return
		}
		select {
		case ready <- f:
		case <-ctx.Done():
		}
	})
	if err = errors.Join(err, gone); err != nil {
		return err
	}
	if len(r.summary.Failed)+r.summary.Pictures > before { // a document without any text stays one that failed
		slog.Info("no text after text recognition", "document", d.ID)
	} else {
		r.done.Documents++
	}
	return r.eraseOCR(ctx, r.Store.DropRecords, r.collection.ID, d.ID) // it is in the document
}
