package app

import (
	"context"
	"slices"

	"kakoi/core"
	"kakoi/core/ingest"
)

// maxDrawn bounds the pictures that are kept, in bytes: a dozen pages at the resolution of a screen.
const maxDrawn = 64 << 20

type pictureKey struct {
	source, sha string
	page, dpi   int
}

type drawnPage struct {
	pictureKey
	picture ingest.Picture
}

// picture draws a page, or takes it from those drawn before.
func (p *Pages) picture(ctx context.Context, doc core.Document, page, dpi int) (ingest.Picture, error) {
	key := pictureKey{doc.Source, doc.SHA256, page, dpi}
	p.mu.Lock()
	at := slices.IndexFunc(p.drawn, func(d drawnPage) bool { return d.pictureKey == key })
	if at >= 0 {
		found := p.drawn[at]
		p.drawn = append(slices.Delete(p.drawn, at, at+1), found)
		p.mu.Unlock()
		return found.picture, nil
	}
	p.mu.Unlock()
	picture, err := p.pictures.Page(ctx, doc.Source, page, dpi)
	if err != nil {
		return picture, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drawn = append(p.drawn, drawnPage{key, picture})
	total := 0
	for i := len(p.drawn) - 1; i >= 0; i-- {
		if total += p.drawn[i].picture.Bytes(); total > maxDrawn && i < len(p.drawn)-1 {
			p.drawn = slices.Delete(p.drawn, 0, i+1)
			break
		}
	}
	return picture, nil
}

// forget drops what is kept of a document that was removed, or, with source "", of all; it says how many pictures.
func (p *Pages) forget(source string) int {
	p.pictures.Forget()
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.drawn)
	p.drawn = slices.DeleteFunc(p.drawn, func(d drawnPage) bool { return source == "" || d.source == source })
	clear(p.drawn[len(p.drawn):before])
	for path := range p.checked {
		if source == "" || path == source {
			delete(p.checked, path)
		}
	}
	return before - len(p.drawn)
}
