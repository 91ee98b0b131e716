package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"kakoi/core"
)

// Options of Read, Walk and PageBoxes; the zero value works.
type Options struct {
	CacheDir string            // keeps PDFium's compiled code (about 21 MB); empty: compiled again by each process (6 s)
	Prepared string            // folder that Prepare filled, used in place of CacheDir while it fits; may be read-only
	FontsDir string            // fonts for PDFs that embed none; empty: the system's
	MaxBytes int64             // largest file; 0: 64 MiB for text, Markdown and HTML, 512 MiB for the others
	Timeout  time.Duration     // for one file; 0: five minutes
	OnSkip   func(path string) // told of each file in a folder that Walk passes over because of its kind

	Passwords *Passwords // of protected files; nil: none

	OnLoop func(path string, err error) // told of each link in a folder that leads back to where it stands, which Walk does not follow

	file   string      // the name of the file being read, for people
	fresh  bool        // each PDF in an instance just started, which remembers nothing: what others are compared with
	keeper *scanKeeper // see Scans
}

const (
	maxTextBytes     = 64 << 20  // 20 million Japanese characters
	maxDocumentBytes = 512 << 20 // these hold pictures and attachments
	defaultTimeout   = 5 * time.Minute
)

// kinds of files by the endings of their names, and what may be as large as a document with pictures.
var kinds = map[string]string{
	".txt": "txt", ".text": "txt", ".log": "txt",
	".md": "md", ".markdown": "md",
	".html": "html", ".htm": "html", ".xhtml": "html",
	".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
	".pdf":  "pdf",
	".docx": "docx", ".docm": "docx", ".dotx": "docx", ".dotm": "docx",
	".pptx": "pptx", ".pptm": "pptx", ".ppsx": "pptx", ".ppsm": "pptx", ".potx": "pptx",
	".xlsx": "xlsx", ".xlsm": "xlsx", ".xltx": "xlsx", ".xltm": "xlsx",
	".odt": "odt", ".ott": "odt", ".ods": "ods", ".ots": "ods", ".odp": "odp", ".otp": "odp",
	".epub": "epub",
	".eml":  "eml", ".mht": "mht", ".mhtml": "mht", ".msg": "msg",
	".rtf": "rtf", ".doc": "doc", ".dot": "doc", ".xls": "xls", ".xlt": "xls",
	".zip": "zip",
	".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".tif": "tiff", ".tiff": "tiff",
}

// Kind is the Document.Kind that a path's ending stands for, or "".
func Kind(path string) string { return kinds[strings.ToLower(filepath.Ext(path))] }

func (o Options) maxBytes(kind string) int64 {
	switch {
	case o.MaxBytes > 0:
		return o.MaxBytes
	case kind == "txt" || kind == "md" || kind == "html":
		return maxTextBytes
	}
	return maxDocumentBytes
}

// Read reads the file at path, which may lead into a zip archive. The Document has all that the file alone tells, its Findings among it, also
// when an error comes back; ID, Added, Chunks, State and Reason are the caller's.
//
// Every error but the end of ctx is a core.UserError that wraps one of core.ErrNotFound, ErrEmpty,
// ErrTooLarge, ErrUnsupported, ErrEncrypted, ErrCorrupt or an error of the system.
func Read(ctx context.Context, path string, opt Options) (core.Document, []core.Page, error) {
	doc := core.Document{Name: filepath.Base(path), Source: path, Kind: Kind(path)}
	abs, err := filepath.Abs(path)
	if err != nil {
		return doc, nil, fmt.Errorf("read %q: %w", path, err)
	}
	doc.Source = abs
	data, err := loadAny(ctx, abs, &doc, opt)
	if err != nil {
		return doc, nil, err
	}
	sum := sha256.Sum256(data)
	doc.SHA256 = hex.EncodeToString(sum[:])

	limit := opt.Timeout
	if limit <= 0 {
		limit = defaultTimeout
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	opt.file = doc.Name
	pages, findings, err := parse(inner, doc.Kind, data, opt)
	doc.Findings, doc.Reader = findings, Version
	if doc.Kind == "pdf" && errors.Is(err, core.ErrEncrypted) {
		doc.Findings = []core.Finding{{What: core.FindingLocked}}
	}
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return doc, nil, ctx.Err()
		case inner.Err() != nil:
			err = core.Explain(fmt.Errorf("read %q: %w", abs, err), "error.file.slow", doc.Name)
		default:
			err = explain(err, doc)
		}
		return doc, nil, err
	}
	doc.Pages = len(pages)
	return doc, pages, nil
}

// loadAny reads a file whole, also one of an archive.
func loadAny(ctx context.Context, abs string, doc *core.Document, opt Options) ([]byte, error) {
	if in, ok := inside(abs); ok {
		doc.Name = filepath.Base(in.archive) + "/" + in.name
		return in.load(ctx, doc, opt)
	}
	return load(ctx, abs, doc, opt)
}

// load reads a file whole.
func load(ctx context.Context, abs string, doc *core.Document, opt Options) ([]byte, error) {
	f, err := openFile(ctx, abs, doc, opt)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	limit := opt.maxBytes(doc.Kind)
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, explain(err, *doc)
	}
	if int64(len(data)) > limit { // grew while being read
		return nil, tooLarge(*doc, limit)
	}
	if len(data) == 0 {
		return nil, explain(core.ErrEmpty, *doc)
	}
	doc.Size = int64(len(data))
	return data, ctx.Err()
}

// openFile checks what can be checked before reading a byte, notes size and time in doc, and opens the file.
func openFile(ctx context.Context, abs string, doc *core.Document, opt Options) (*os.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, explain(err, *doc)
	}
	doc.Size, doc.Modified = info.Size(), info.ModTime()
	if err := admit(info, *doc, opt); err != nil {
		return nil, err
	}
	// O_NONBLOCK: should the file have become a pipe since, opening it does not hang.
	f, err := os.OpenFile(abs, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, explain(err, *doc)
	}
	if info, err = f.Stat(); err != nil {
		return nil, errors.Join(explain(err, *doc), f.Close())
	}
	if err := admit(info, *doc, opt); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// admit refuses what cannot be a document: folders, devices, pipes, other kinds, empty and too large files.
func admit(info fs.FileInfo, doc core.Document, opt Options) error {
	switch limit := opt.maxBytes(doc.Kind); {
	case info.IsDir():
		return core.Explain(fmt.Errorf("read %q: is a folder: %w", doc.Source, core.ErrUnsupported), "error.file.folder", doc.Name)
	case !info.Mode().IsRegular():
		return core.Explain(fmt.Errorf("read %q: %s: %w", doc.Source, info.Mode().Type(), core.ErrUnsupported), "error.file.special", doc.Name)
	case doc.Kind == "":
		return core.Explain(fmt.Errorf("read %q: %w", doc.Source, core.ErrUnsupported), "error.file.kind", doc.Name)
	case info.Size() == 0:
		return explain(core.ErrEmpty, doc)
	case info.Size() > limit:
		return tooLarge(doc, limit)
	}
	return nil
}

func tooLarge(doc core.Document, limit int64) error {
	err := fmt.Errorf("read %q: %d bytes, limit %d: %w", doc.Source, doc.Size, limit, core.ErrTooLarge)
	return core.Explain(err, "error.file.large", doc.Name, mib(doc.Size), mib(limit))
}

func mib(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d MB", n>>20)
}

// explain gives err the sentence for people, unless it has one.
func explain(err error, doc core.Document) error {
	var user *core.UserError
	wrapped := fmt.Errorf("read %q: %w", doc.Source, err)
	switch {
	case errors.As(err, &user):
		return err
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return core.Explain(fmt.Errorf("read %q: %w: %w", doc.Source, core.ErrNotFound, err), "error.file.missing", doc.Source)
	case errors.Is(err, syscall.ELOOP):
		return core.Explain(fmt.Errorf("read %q: %w: %w", doc.Source, core.ErrNotFound, err), "error.file.loop", doc.Source)
	case errors.Is(err, fs.ErrPermission):
		return core.Explain(wrapped, "error.file.permission", doc.Source)
	case errors.Is(err, errNotText):
		return core.Explain(wrapped, "error.file.not_text", doc.Name)
	case errors.Is(err, errIcon):
		return core.Explain(wrapped, "error.file.icon", doc.Name)
	case errors.Is(err, errScan) && IsPicture(doc.Kind):
		return core.Explain(wrapped, "error.file.picture", doc.Name)
	case errors.Is(err, errScan):
		return core.Explain(wrapped, "error.file.scan", doc.Name)
	case errors.Is(err, errGarbled):
		return core.Explain(wrapped, "error.file.garbled", doc.Name)
	case errors.Is(err, errBomb):
		return core.Explain(wrapped, "error.file.bomb", doc.Name)
	case errors.Is(err, errMemory):
		return core.Explain(wrapped, "error.file.memory", doc.Name)
	case errors.Is(err, errOldOffice):
		return core.Explain(wrapped, "error.file.old_office", doc.Name)
	case errors.Is(err, errNested):
		return core.Explain(wrapped, "error.file.nested", doc.Name)
	case errors.Is(err, core.ErrEmpty):
		return core.Explain(wrapped, "error.file.empty", doc.Name)
	case errors.Is(err, core.ErrEncrypted):
		return core.Explain(wrapped, "error.file.encrypted", doc.Name)
	case errors.Is(err, core.ErrCorrupt):
		return core.Explain(wrapped, "error.file.broken", doc.Name, strings.ToUpper(doc.Kind))
	}
	return core.Explain(wrapped, "error.file.unreadable", doc.Name)
}

var (
	errNotText = fmt.Errorf("not text: %w", core.ErrUnsupported)
	errScan    = fmt.Errorf("no text on any page: %w", core.ErrEmpty)
	errBomb    = fmt.Errorf("unpacks to far more than its size: %w", core.ErrTooLarge)

	errOldOffice = fmt.Errorf("old office format: %w", core.ErrUnsupported)
	errNested    = fmt.Errorf("files in files deeper than %d: %w", maxNesting, core.ErrTooLarge)
)

// tidy gives a text "\n" line ends, no NUL and no byte order mark, and ends it without white space.
func tidy(s string) string {
	s = strings.TrimPrefix(s, "\ufeff")
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(s)
	return strings.TrimRight(s, " \t\n\f\v")
}
