package ingest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"kakoi/core"
)

// maxNesting is how deep files may lie in files: a mail in a mail in an archive.
const maxNesting = 5

// reading is one Read. It also reads the files inside the file: attachments of mails, entries of archives.
type reading struct {
	opt   Options
	q     *budget // of all pages
	depth int     // files around the one being read
}

// parse gives the pages of a file, and what is to be known of them. Those without text are kept between those with some, so that numbers
// are those of sheets and slides. Findings come also with an error.
func parse(ctx context.Context, kind string, data []byte, opt Options) ([]core.Page, []core.Finding, error) {
	r := &reading{opt: opt, q: newBudget(ctx, 2*len(data))}
	r.q.keeper = opt.keeper
	if many[kind] {
		r.q.left = max(r.q.left, maxTextOfPages)
	}
	pages, err := r.pages(ctx, kind, data)
	return pages, core.Findings(r.q.found), err
}

func (r *reading) pages(ctx context.Context, kind string, data []byte) ([]core.Page, error) {
	texts, err := r.texts(kind, data)
	if err != nil {
		return nil, err
	}
	if len(texts) > maxPages {
		return nil, fmt.Errorf("%d pages: %w", len(texts), errBomb)
	}
	pages, empty := make([]core.Page, len(texts)), true
	for i, text := range texts {
		texts[i] = ""
		if kind != "txt" && kind != "pdf" {
			text = squeeze(r.q, text)
		}
		if kind != "pdf" {
			text = tidy(text)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		pages[i] = core.Page{Number: i + 1, Text: text}
		empty = empty && strings.TrimSpace(text) == ""
	}
	switch {
	case empty && slices.ContainsFunc(r.q.found, core.Finding.Readable):
		return nil, errScan
	case empty:
		return nil, core.ErrEmpty
	}
	return pages, nil
}

// many are the kinds whose documents have pages of their own, or files inside.
var many = map[string]bool{
	"pptx": true, "xlsx": true, "ods": true, "odp": true, "epub": true, "eml": true, "mht": true, "msg": true, "xls": true, "zip": true, "pdf": true, "tiff": true,
}

// texts are those of the pages of a file of any kind.
func (r *reading) texts(kind string, data []byte) ([]string, error) {
	if err := r.q.ctx.Err(); err != nil {
		return nil, err
	}
	kind = actual(kind, data)
	if limit := r.opt.maxBytes(kind); r.depth > 0 && int64(len(data)) > limit {
		return nil, fmt.Errorf("%d bytes in another file: %w", len(data), core.ErrTooLarge)
	}
	switch kind {
	case "pdf":
		return r.readPDF(data)
	case "docx":
		return one(readDOCX(r.q, data))
	case "html":
		return one(readHTML(r.q, data))
	case "xlsx":
		return xlsxTexts(r.q, data)
	case "pptx":
		return pptxTexts(r.q, data)
	case "odt", "ods", "odp":
		return odfTexts(r.q, data)
	case "epub":
		return epubTexts(r.q, data)
	case "eml", "mht":
		m, err := emlMail(r.q, data, kind == "mht")
		if err != nil {
			return nil, err
		}
		return r.mailTexts(m)
	case "zip":
		return r.zipTexts(data)
	case "png", "jpg", "tiff":
		return r.pictureTexts(kind, data)
	case "rtf":
		return one(rtfText(r.q, data))
	case "word2003":
		return one(word2003Text(r.q, data))
	case "sheet2003":
		return sheet2003Texts(r.q, data)
	case "ole", "msg", "doc", "xls":
		return r.oleTexts(data)
	}
	return one(r.plain(kind, data))
}

func one(text string, err error) ([]string, error) { return []string{text}, err }

// plain is a text file, or Markdown.
func (r *reading) plain(kind string, data []byte) (string, error) {
	text, charset, err := Decode(data)
	if err != nil {
		return "", err
	}
	r.q.noteLost(text, charset)
	if err := r.q.ctx.Err(); err != nil {
		return "", err
	}
	switch kind {
	case "md":
		return markdownText(r.q, text)
	case "csv", "tsv":
		return csvText(r.q, text, kind)
	}
	r.q.spend(len(text))
	return text, r.q.err
}

var (
	oleMagic = []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	zipMagic = []byte("PK\x03\x04")
	rtfMagic = []byte(`{\rtf`)
)

// actual is the kind that the first bytes tell, where names of files say something else than what programs wrote: web pages and RTF named
// .doc and .xls, protected packages (an OLE file around them), old files named like new ones.
func actual(kind string, data []byte) string {
	switch kind {
	case "doc", "xls", "rtf", "docx", "xlsx", "pptx":
	default:
		return kind
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(data[:min(len(data), 1024)], []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(data, oleMagic):
		return "ole"
	case bytes.HasPrefix(data, zipMagic):
		switch kind {
		case "doc", "rtf":
			return "docx"
		case "xls":
			return "xlsx"
		}
	case bytes.HasPrefix(text, rtfMagic):
		return "rtf"
	case xml2003(text) != "":
		return xml2003(text)
	case kind == "docx" || kind == "xlsx" || kind == "pptx":
	case looksHTML(text):
		return "html"
	case kind == "xls":
		return "csv"
	case kind == "doc":
		return "txt"
	}
	return kind
}

func looksHTML(head []byte) bool {
	head = bytes.ToLower(head)
	for _, mark := range []string{"<!doctype html", "<html", "<head", "<body", "<table", "<meta"} {
		if bytes.Contains(head, []byte(mark)) {
			return true
		}
	}
	return false
}
