package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	pdfium_errors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"

	"kakoi/core"
)

// sheetText is what became of a page.
type sheetText struct {
	text  string
	state sheetState
	err   error
}

// halfAt is how many pages a document has that two instances read, if one is free; opening it twice costs more than ten pages.
const (
	halfAt    = 40
	maxHalved = 64 << 20 // bytes: each instance has a copy
)

// readPDF gives one text for each sheet, also for those without, and then those of the files attached to it. It notes in q what they lack.
// Text follows the content order of the file, except where docs/decisions/0007-readers.md says otherwise.
func (r *reading) readPDF(data []byte) ([]string, error) {
	var sheets []sheetText
	var files []attachment
	err := r.passes(data, func(d *pdfDoc, full map[int]bool) (err error) {
		if d.count == 0 {
			return errors.New("no pages")
		}
		if d.count > maxPages {
			return fmt.Errorf("%d pages: %w", d.count, errBomb)
		}
		if sheets, err = readSheets(r.q.ctx, d, data, r.opt, full); err != nil {
			return err
		}
		if len(full) == d.count {
			return errMemory
		}
		mark := r.q.inside()
		if files, err = d.attachments(r.q); err != nil && r.q.ctx.Err() == nil { // they are unpacked in the instance's memory, which may not do
			r.q.missed(mark, "PDF", core.ErrTooLarge)
			err = nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	texts, some, lost, garbled, mark := make([]string, len(sheets)), false, error(nil), false, r.q.inside()
	for i, s := range sheets {
		if s.err != nil {
			lost = s.err // one broken page: the others are worth having
		}
		garbled = r.q.noteSheet(i+1, s.text, s.state, s.err) || garbled
		some = some || strings.TrimSpace(s.text) != ""
		texts[i] = s.text
		r.q.spend(len(s.text))
	}
	if r.q.err != nil {
		return nil, r.q.err
	}
	read := slices.ContainsFunc(r.q.found[mark:], core.Finding.Readable)
	if read {
		r.q.keepScan(mark, len(sheets), "pdf", data)
	}
	attached, err := r.attachedTo(texts, files)
	switch {
	case err != nil:
		return nil, err
	case some || len(attached) > len(texts) || read && r.depth > 0: // pages of a file inside keep their numbers, to be read by text recognition
		return attached, nil
	case lost != nil:
		return nil, fmt.Errorf("read pdf: %w: %w", lost, core.ErrCorrupt)
	case garbled:
		return nil, errGarbled
	}
	return nil, errScan
}

// mostFull is how many pages of a document may need more memory than there is; each costs a new beginning.
const mostFull = 3

// fullPage is a page that needs more memory than there is. Nothing works in the instance after it.
type fullPage struct{ index int }

func (f *fullPage) Error() string { return fmt.Sprintf("page %d %v", f.index+1, errMemory) }
func (f *fullPage) Unwrap() error { return errMemory }

// passes calls fn with the document, again in a fresh instance for each page that needed more memory than there is: full are those.
func (r *reading) passes(data []byte, fn func(d *pdfDoc, full map[int]bool) error) error {
	full := map[int]bool{}
	for {
		err := withPDF(r.q.ctx, data, r.opt, func(d *pdfDoc) error { return fn(d, full) })
		var page *fullPage
		if !errors.As(err, &page) || len(full) == mostFull || full[page.index] {
			return err
		}
		full[page.index] = true
	}
}

// readSheets reads all pages but the full ones, the second half of long documents in an instance of its own if one is free.
func readSheets(ctx context.Context, d *pdfDoc, data []byte, opt Options, full map[int]bool) ([]sheetText, error) {
	out := make([]sheetText, d.count)
	titles := d.outline()
	if d.count < halfAt || len(data) > maxHalved {
		return out, d.read(ctx, out, 0, d.count, titles, full)
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	half := d.count / 2
	other := make(chan error, 1)
	go func() {
		e, err := engine(opt)
		if err == nil {
			var free bool
			free, err = e.try(inner, func(l *pdfLib) error {
				second, err := l.openBytes(inner, data, opt)
				if err != nil {
					return err
				}
				if second.count != d.count {
					return errors.New("another number of pages")
				}
				return second.read(inner, out, half, d.count, titles, full)
			})
			if err == nil && !free {
				err = errBusy
			}
		}
		other <- err
	}()
	if err := d.read(ctx, out, 0, half, titles, full); err != nil {
		cancel()
		<-other
		return nil, err
	}
	if err := <-other; err != nil {
		return out, d.read(ctx, out, half, d.count, titles, full)
	}
	return out, nil
}

var errBusy = errors.New("no instance is free")

// heldSheet is a page whose neighbours have not all been read.
type heldSheet struct {
	sheet *pdfSheet
	lines []pdfLine
	own   margins
	err   error
}

func (d *pdfDoc) held(index int) *heldSheet {
	s, err := d.page(index)
	h := &heldSheet{sheet: s, err: err}
	h.lines = s.lines(s.chars)
	h.own = s.margins(h.lines)
	return h
}

// unread stands for a page that is not read, because it needs more memory than there is.
func unread(index int) *heldSheet {
	s := &pdfSheet{number: index + 1}
	return &heldSheet{sheet: s, own: s.margins(nil), err: &fullPage{index}}
}

// read reads the pages from one index to before another into out, but for the full ones: a *fullPage for a further one.
func (d *pdfDoc) read(ctx context.Context, out []sheetText, from, to int, titles map[int]map[string]bool, full map[int]bool) error {
	window := map[int]*heldSheet{}
	finish := func(i int) {
		if h := window[i]; h != nil && i >= from && i < to {
			out[i].text, _ = h.layout(window, i, d.count, titles[i])
			out[i].state, out[i].err = sheetState{garbled: h.sheet.garbled, drawn: h.sheet.drawn, cut: h.sheet.cut}, h.err
			window[i] = &heldSheet{own: h.own.compared()}
		}
		delete(window, i-neighbours)
	}
	last := min(d.count, to+neighbours)
	for i := max(0, from-neighbours); i < last; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		if full[i] {
			window[i] = unread(i)
		} else if window[i] = d.held(i); window[i].err != nil && d.memory.full.Load() { // after it nothing works
			return &fullPage{i}
		}
		if i < from || i >= to {
			window[i] = &heldSheet{own: window[i].own.compared()}
		}
		finish(i - neighbours)
	}
	for i := last - neighbours; i < last; i++ {
		finish(i)
	}
	return ctx.Err()
}

// layout is the text of a page, among those around it.
func (h *heldSheet) layout(window map[int]*heldSheet, index, pages int, titles map[string]bool) (string, []char) {
	v := view{around: map[int]margins{}, pages: pages, titles: titles}
	for distance := -neighbours; distance <= neighbours; distance++ {
		if o := window[index+distance]; o != nil && distance != 0 {
			v.around[distance] = o.own
		}
	}
	return h.sheet.layout(h.lines, h.own, v)
}

// single is the text of one page by itself, as reading the whole document gives it; kept are the neighbours read before.
func (d *pdfDoc) single(index int, kept map[int]*heldSheet, titles map[int]map[string]bool) (*heldSheet, string, []char, error) {
	for i := range kept {
		if i < index-2*neighbours || i > index+2*neighbours {
			delete(kept, i)
		}
	}
	for i := max(0, index-neighbours); i <= min(d.count-1, index+neighbours); i++ {
		if kept[i] == nil {
			kept[i] = d.held(i)
		}
	}
	h := kept[index]
	if h.err != nil {
		return h, "", nil, h.err
	}
	text, chars := h.layout(kept, index, d.count, titles[index])
	return h, text, chars, nil
}

// withPDF opens data in an instance of its own. Errors of PDFium become core.ErrEncrypted or core.ErrCorrupt.
func withPDF(ctx context.Context, data []byte, opt Options, fn func(*pdfDoc) error) error {
	// Readers accept up to 1,024 bytes before the header (PDF 1.7, appendix H.3.4.1).
	if !bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")) {
		return fmt.Errorf("no pdf header: %w", core.ErrCorrupt)
	}
	e, err := engine(opt)
	if err != nil {
		return err
	}
	return e.do(ctx, func(l *pdfLib) error {
		d, err := l.openBytes(ctx, data, opt)
		if err != nil {
			return err
		}
		err = fn(d)
		switch {
		case err == nil || errors.Is(err, errBomb) || errors.Is(err, errMemory) || errors.Is(err, core.ErrNotFound):
			return err
		}
		return fmt.Errorf("read pdf: %w: %w", err, core.ErrCorrupt)
	})
}

// openBytes opens a document that is in memory.
func (l *pdfLib) openBytes(ctx context.Context, data []byte, opt Options) (*pdfDoc, error) {
	l.memory.allow(l.begin, textMemory+len(data))
	at, err := l.call("malloc", uint64(len(data)))
	if err != nil || uint32(at) == 0 || !l.module.Memory().Write(uint32(at), data) {
		return nil, errors.Join(errMemory, err)
	}
	d := &pdfDoc{pdfLib: l}
	err = opt.Passwords.try(ctx, opt.file, func(password string) error {
		text, err := l.room(len(password) + 1)
		if err != nil {
			return err
		}
		l.module.Memory().Write(text, append([]byte(password), 0))
		if d.handle, err = l.call("FPDF_LoadMemDocument", at, uint64(len(data)), uint64(text)); err != nil {
			return fmt.Errorf("open pdf: %w: %w", err, core.ErrCorrupt)
		}
		if d.handle = uint64(uint32(d.handle)); d.handle != 0 {
			return nil
		}
		return l.refused()
	})
	if err == nil {
		d.count, err = l.number("FPDF_GetPageCount", d.handle)
	}
	return d, err
}

// refused is why the last document was not opened.
func (l *pdfLib) refused() error {
	const password, security = 4, 5 // FPDF_ERR_* (fpdfview.h)
	code, err := l.number("FPDF_GetLastError")
	switch {
	case err != nil:
		return err
	case code == password, code == security:
		return fmt.Errorf("open pdf: error %d: %w", code, core.ErrEncrypted)
	}
	return fmt.Errorf("open pdf: error %d: %w", code, core.ErrCorrupt)
}

// open opens a document, with the passwords that are known and those that a person knows.
func (l *pdfLib) open(ctx context.Context, opt Options, request func() *requests.OpenDocument) (*pdfDoc, error) {
	var ref references.FPDF_DOCUMENT
	err := opt.Passwords.try(ctx, opt.file, func(password string) error {
		r := request()
		if password != "" {
			r.Password = &password
		}
		opened, err := l.OpenDocument(r)
		switch {
		case errors.Is(err, pdfium_errors.ErrPassword), errors.Is(err, pdfium_errors.ErrSecurity):
			return fmt.Errorf("open pdf: %w: %w", err, core.ErrEncrypted)
		case err != nil:
			return fmt.Errorf("open pdf: %w: %w", err, core.ErrCorrupt)
		}
		ref = opened.Document
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l.opened(ref)
}
