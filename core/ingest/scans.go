package ingest

import (
	"context"
	"errors"
	"fmt"
	"image"
	"sync"

	"kakoi/core"
)

// scan is a file with pages that could be read by text recognition: the file that is read, or one inside it.
type scan struct {
	first, last int // its pages, by their numbers in the document
	kind        string
	data        []byte // nil where it is not held
	at          int    // of its first finding, in the budget
}

// maxHeld is how many bytes of such files are held at once; one is, whatever its size.
const maxHeld = 192 << 20

// scanKeeper collects them while a file is read.
type scanKeeper struct {
	skip  int // so many are not held
	held  int64
	full  bool
	scans []scan
	seen  int
}

// keepScan remembers a file of so many pages, what was found in it since mark, for whoever draws its pages.
func (q *budget) keepScan(mark, pages int, kind string, data []byte) {
	k := q.keeper
	if k == nil {
		return
	}
	s := scan{first: 1, last: pages, kind: kind, at: mark}
	if k.full = k.full || k.held > 0 && k.held+int64(len(data)) > maxHeld; k.seen >= k.skip && !k.full {
		s.data = data
		k.held += int64(len(data))
	}
	k.seen++
	k.scans = append(k.scans, s)
}

// shift numbers the files found since mark by the pages around them, as entered does the findings.
func (k *scanKeeper) shift(mark, before int) {
	if k == nil {
		return
	}
	for i, s := range k.scans {
		if s.at >= mark {
			k.scans[i].first, k.scans[i].last = s.first+before, s.last+before
		}
	}
}

// drop forgets the files found since mark: the one they lie in could not be read.
func (k *scanKeeper) drop(mark int) {
	if k == nil {
		return
	}
	for i, s := range k.scans {
		if s.at >= mark && s.last > 0 {
			k.scans[i] = scan{at: s.at, first: 0, last: -1}
		}
	}
}

// Scans draws the pages of a file that hold no text, for text recognition, wherever they are: in a picture file, in a PDF, in an
// attachment of a mail, in an archive. Close it. Page is safe for concurrent use after Read.
type Scans struct {
	pictures *Pictures
	path     string
	opt      Options

	mu    sync.Mutex
	sum   string // of the file, as Read found it
	scans []scan
}

// OpenScans reads nothing yet.
func OpenScans(p *Pictures, path string, opt Options) *Scans {
	return &Scans{pictures: p, path: path, opt: opt}
}

// Read is the package's Read, and remembers what pages are of.
func (s *Scans) Read(ctx context.Context) (core.Document, []core.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(ctx, 0)
}

func (s *Scans) read(ctx context.Context, skip int) (core.Document, []core.Page, error) {
	opt := s.opt
	opt.keeper = &scanKeeper{skip: skip}
	doc, pages, err := Read(ctx, s.path, opt)
	if skip > 0 && doc.SHA256 != s.sum {
		return doc, nil, errors.Join(err, core.Explain(fmt.Errorf("draw %q: the file has changed: %w", s.path, core.ErrBusy), "error.ocr.changed", doc.Name))
	}
	s.sum, s.scans = doc.SHA256, opt.keeper.scans
	return doc, pages, err
}

// Page draws a page for text recognition; number is that of the document's. A picture's DPI is 0: nothing is known of it. core.ErrNotFound for a page that is
// no picture, core.ErrTooLarge, and those of Read.
func (s *Scans) Page(ctx context.Context, number, dpi int) (image.Image, int, error) {
	found, at, err := s.find(ctx, number)
	if err != nil {
		return nil, 0, err
	}
	number -= found.first - 1
	if found.kind == "pdf" {
		p, err := s.pictures.inner(ctx, s.path, fmt.Sprintf("%s\x00%d", s.path, at), found.data, number, dpi)
		return p.Image, p.DPI, err
	}
	frames, err := pictureFrames(found.data)
	if err != nil {
		return nil, 0, err
	}
	if number > len(frames) {
		return nil, 0, fmt.Errorf("page %d of %d: %w", number, len(frames), errNoPage)
	}
	img, err := drawFrame(found.data, frames[number-1], toBeRead)
	return img, 0, err
}

// find gives the file that a page is of, with its bytes, and which of all it is.
func (s *Scans) find(ctx context.Context, number int) (scan, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, one := range s.scans {
		if number < one.first || number > one.last {
			continue
		}
		if one.data == nil { // there was no room: it and those behind it are read now
			if _, _, err := s.read(ctx, i); err != nil && !errors.Is(err, core.ErrEmpty) {
				return one, 0, err
			}
			if i >= len(s.scans) || s.scans[i].data == nil {
				break
			}
		}
		return s.scans[i], i, nil
	}
	return scan{}, 0, fmt.Errorf("page %d of %q: %w", number, s.path, errNoPage)
}
