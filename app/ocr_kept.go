package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"kakoi/core"
)

// pageText is what was read from the picture of a page, kept until its document is stored.
type pageText struct {
	SHA256     string `json:"sha256"` // of the file the page is of
	Page       int    `json:"page"`
	Text       string `json:"text"` // "" where nothing was found
	Confidence int    `json:"confidence"`
	Language   string `json:"language"`
}

// ocrTexts is the kind of the records of one document: they can be erased at once.
func ocrTexts(collection, document string) string { return ocrKind + "." + collection + document }

func (l *Library) keep(ctx context.Context, collection, document string, text pageText) error {
	raw, err := json.Marshal(text)
	if err != nil {
		return fmt.Errorf("encode text of page %d of %s: %w", text.Page, document, err)
	}
	if err := l.Store.PutRecord(ctx, ocrTexts(collection, document), strconv.Itoa(text.Page), raw); err != nil {
		return fmt.Errorf("keep text of page %d of %s: %w", text.Page, document, err)
	}
	return nil
}

// kept are the texts of the pages of a document's file as it is, by number.
func (l *Library) kept(ctx context.Context, collection string, d core.Document) (map[int]pageText, error) {
	records, err := l.Store.Records(ctx, ocrTexts(collection, d.ID))
	if err != nil {
		return nil, fmt.Errorf("read texts of pages of %q: %w", d.Name, err)
	}
	out := map[int]pageText{}
	for id, raw := range records {
		var text pageText
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, fmt.Errorf("text of page %s of %q: %w", id, d.Name, errors.Join(core.ErrCorrupt, err))
		}
		if text.SHA256 == d.SHA256 && text.Page > 0 {
			out[text.Page] = text
		}
	}
	return out, nil
}

// forgetOCR erases what is kept of documents that are removed for good, so that no file of the data folder holds it; costs nothing where nothing is kept.
func (l *Library) forgetOCR(ctx context.Context, collection string, documents ...string) error {
	return l.eraseOCR(ctx, l.Store.EraseRecords, collection, documents...)
}

// eraseOCR erases what is kept of documents by one of the ways of the store.
func (l *Library) eraseOCR(ctx context.Context, erase func(context.Context, ...[2]string) error, collection string, documents ...string) error {
	var keys [][2]string
	for _, id := range documents {
		kind := ocrTexts(collection, id)
		ids, err := l.Store.RecordIDs(ctx, kind)
		if err != nil {
			return fmt.Errorf("look for texts of pages of %s: %w", id, err)
		}
		if len(ids) > 0 {
			keys = append(keys, [2]string{kind, ""})
		}
	}
	if len(keys) == 0 {
		return nil
	}
	if err := erase(ctx, keys...); err != nil {
		return fmt.Errorf("erase texts of pages: %w", err)
	}
	return nil
}

// replacedOCR erases what is kept of a file that has changed since its pages were read: doc is what has taken its place.
func (l *Library) replacedOCR(ctx context.Context, collection string, doc core.Document) error {
	ids, err := l.Store.RecordIDs(ctx, ocrTexts(collection, doc.ID))
	if err != nil || len(ids) == 0 || doc.SHA256 == "" {
		return err
	}
	now, err := l.kept(ctx, collection, doc)
	if err != nil && !errors.Is(err, core.ErrCorrupt) {
		return err
	}
	if len(now) > 0 { // a recognition of this very file goes on with them, and they are all of it
		return nil
	}
	return l.eraseOCR(ctx, l.Store.DropRecords, collection, doc.ID)
}

// recognised puts the texts that were read from pictures into a document that was just read from the same file: those that are kept, and those
// of the version old in the library. A document without any text is read after all when one of its pages has some now. readErr is how the
// reading ended; what comes back is how it ends with them.
func (l *Library) recognised(ctx context.Context, collection string, doc *core.Document, pages []core.Page, old core.Document, readErr error) ([]core.Page, error) {
	open := UnreadPages(*doc)
	if len(open) == 0 || readErr != nil && !errors.Is(readErr, core.ErrEmpty) {
		return pages, readErr
	}
	texts, err := l.kept(ctx, collection, *doc)
	if err != nil {
		return nil, err
	}
	if old.SHA256 == doc.SHA256 {
		if err := l.earlier(ctx, collection, old, texts); err != nil {
			return nil, err
		}
	}
	if len(texts) == 0 {
		return pages, readErr
	}
	if readErr != nil {
		last := 0
		for _, f := range doc.Findings {
			for n := range f.Each() {
				last = max(last, n)
			}
		}
		for n := range last {
			pages = append(pages, core.Page{Number: n + 1})
		}
	}
	var findings []core.Finding
	some, left := false, false
	for _, f := range doc.Findings {
		if !f.Readable() {
			findings = append(findings, f)
			continue
		}
		count := f.Pages()
		for n := range f.Each() {
			text, known := texts[n]
			switch {
			case !known || n > len(pages):
				findings = append(findings, core.Finding{What: f.What, Page: n, Name: f.Name, Count: f.Count / count})
				left = true
			case text.Text == "":
				findings = append(findings, core.Finding{What: core.FindingNoOCR, Page: n, Name: f.Name})
			default:
				findings = append(findings, core.Finding{What: core.FindingOCR, Page: n, Name: f.Name, Count: text.Confidence})
				pages[n-1].Text = under(f.Name) + text.Text
				some = true
			}
		}
	}
	doc.Findings = core.Findings(findings)
	switch {
	case readErr != nil && !some && !left:
		return nil, core.Explain(fmt.Errorf("text recognition found nothing: %w", readErr), "error.ocr.found_nothing", doc.Name)
	case readErr != nil && !some:
		return nil, readErr
	}
	doc.Pages = len(pages)
	return pages, nil
}

// under is what stands above the text of a page of a file inside the document: its name, as the reader has it there.
func under(name string) string {
	if name == "" {
		return ""
	}
	return name + "\n\n"
}

// earlier adds the texts of pages that an earlier version of the document, of the same file, has from pictures.
func (l *Library) earlier(ctx context.Context, collection string, old core.Document, texts map[int]pageText) error {
	var pages []core.Page
	for _, f := range old.Findings {
		if f.What == core.FindingNoOCR {
			for n := range f.Each() {
				if _, newer := texts[n]; !newer {
					texts[n] = pageText{Page: n}
				}
			}
		}
		if f.What != core.FindingOCR || old.State != core.DocumentReady {
			continue
		}
		if pages == nil {
			var err error
			if pages, err = l.Store.Pages(ctx, collection, old.ID); err != nil {
				return fmt.Errorf("read pages of %q: %w", old.Name, err)
			}
		}
		for n := range f.Each() {
			if _, newer := texts[n]; !newer && n <= len(pages) {
				texts[n] = pageText{Page: n, Text: strings.TrimPrefix(pages[n-1].Text, under(f.Name)), Confidence: f.Count}
			}
		}
	}
	return nil
}
