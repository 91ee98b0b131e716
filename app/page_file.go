package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"kakoi/core"
	"kakoi/core/ingest"
)

// fileState says what became of the file that a document was read from.
type fileState int

const (
	fileSame fileState = iota
	fileChanged
	fileGone
	fileUnreadable
)

// fileCheck remembers that a file was read and compared, so that it is done once for each time it was written.
type fileCheck struct {
	size     int64
	modified time.Time
	sha      string
}

// check compares the file with the document: by size and time, and where only the time differs, by its bytes.
func (p *Pages) check(ctx context.Context, doc core.Document) (fileState, error) {
	info, err := ingest.Stat(doc.Source) // which may lead into an archive
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fileGone, nil
	case errors.Is(err, core.ErrUnsupported), err == nil && info.Size != doc.Size: // no file any more, or another one
		return fileChanged, nil
	case err != nil:
		return fileUnreadable, err
	case info.ModTime.Equal(doc.Modified):
		return fileSame, nil
	}
	p.mu.Lock()
	known := p.checked[doc.Source]
	p.mu.Unlock()
	if known.size != info.Size || !known.modified.Equal(info.ModTime) {
		sum, err := hashFile(ctx, doc.Source)
		if err != nil {
			return fileUnreadable, err
		}
		known = fileCheck{info.Size, info.ModTime, sum}
		p.mu.Lock()
		p.checked[doc.Source] = known
		p.mu.Unlock()
	}
	if known.sha != doc.SHA256 {
		return fileChanged, nil
	}
	return fileSame, nil
}

// hashFile is the SHA-256 of a file, in hex.
func hashFile(ctx context.Context, path string) (string, error) {
	f, err := ingest.Open(ctx, path)
	if err != nil {
		return "", fmt.Errorf("compare: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		_, err := io.CopyN(h, f, 4<<20)
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", fmt.Errorf("compare %q: %w", path, err)
		}
	}
}
