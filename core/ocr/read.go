package ocr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strconv"
	"strings"
	"time"

	"kakoi/core"
)

// Options of Read; the zero value works.
type Options struct {
	Languages []string      // as Choose gives them; none: Best
	DPI       int           // of the picture; 0: not known
	Timeout   time.Duration // for one picture; 0: three minutes
}

const (
	defaultTimeout = 3 * time.Minute

	vertical = "_vert"
	// clear is the confidence from which on a page is not read a second time: right pages read as the other direction stay below 50.
	clear = 75
)

// Page is what was read from a picture.
type Page struct {
	Text       string // "" where none was found
	Confidence int    // 0 to 100
	Language   string // it was read in, as Tesseract names them: "jpn+eng"
}

// Read reads a picture. Errors are the end of ctx, and core.UserErrors: core.ErrTooLarge where the page took too long or
// the program wrote too much, core.ErrUnsupported where it failed or was ended by a signal, as for want of memory.
func (r Reader) Read(ctx context.Context, picture *image.Gray, opt Options) (Page, error) {
	languages := opt.Languages
	if len(languages) == 0 {
		languages = r.Best()
	}
	limit := opt.Timeout
	if limit <= 0 {
		limit = defaultTimeout
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var raw bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&raw, picture); err != nil {
		return Page{}, fmt.Errorf("encode picture of a page: %w", err)
	}
	var best Page
	for i, w := range r.ways(languages) {
		if i > 0 && best.Confidence >= clear {
			break
		}
		page, err := r.pass(inner, raw.Bytes(), w, opt.DPI)
		switch {
		case ctx.Err() != nil:
			return Page{}, ctx.Err()
		case inner.Err() != nil:
			return Page{}, core.Explain(fmt.Errorf("read a picture for %v: %w", limit, core.ErrTooLarge), "error.ocr.slow")
		case err != nil:
			return Page{}, err
		case page.Confidence > best.Confidence || i == 0:
			best = page
		}
	}
	return best, nil
}

// way is how a page is read.
type way struct {
	languages []string
	layout    string // of Tesseract's --psm
}

// ways are how a page is tried to be read, one after the other: as lines, as columns that fill the page, as columns in blocks.
func (r Reader) ways(languages []string) []way {
	var lines, columns []string
	for _, l := range languages {
		if strings.HasSuffix(l, vertical) {
			columns = append(columns, l)
		} else {
			lines = append(lines, l)
		}
	}
	blocks := "3" // find blocks, lines and words
	if r.turned {
		blocks = "1" // and turn the page first
	}
	return slices.DeleteFunc([]way{{lines, blocks}, {columns, "5"}, {columns, blocks}}, func(w way) bool { return len(w.languages) == 0 })
}

func (r Reader) pass(ctx context.Context, picture []byte, w way, dpi int) (Page, error) {
	name := strings.Join(w.languages, "+")
	args := []string{"stdin", "stdout", "-l", name, "--psm", w.layout}
	if dpi > 0 {
		args = append(args, "--dpi", strconv.Itoa(dpi))
	}
	said, err := r.run(ctx, picture, append(args, "tsv")...)
	if err != nil {
		var user *core.UserError
		if errors.As(err, &user) {
			return Page{}, err
		}
		return Page{}, core.Explain(fmt.Errorf("read a picture in %s: %w: %w", name, core.ErrUnsupported, err), "error.ocr.failed")
	}
	text, confidence := compose(words(said))
	return Page{Text: text, Confidence: confidence, Language: name}, nil
}
