package index

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/alike"
	"kakoi/index/store"
)

// Signed is a document with the sign of its text.
type Signed struct {
	Document core.Document
	Sign     alike.Sign
}

// signed is what is remembered of a generation.
type signed struct {
	gen  uint32
	sign alike.Sign
}

func signOf(pages []core.Page) alike.Sign {
	var m alike.Maker
	for _, p := range pages {
		m.Write(p.Text)
	}
	return m.Sign()
}

// Signs gives the ready documents of a collection with the signs of their texts, by name and then source. Signs are made when documents are
// added; that of a document from before is made here, from its pages. They are kept in memory once they were asked for.
func (x *Index) Signs(ctx context.Context, coll string) ([]Signed, error) {
	coll, err := x.collection(coll)
	if err != nil {
		return nil, err
	}
	l := x.live(coll)
	l.mu.RLock()
	known := maps.Clone(l.signs)
	l.mu.RUnlock()
	now := make(map[string]signed, len(known))
	var out []Signed
	name := coll
	err = x.store.View(func(r *store.Reader) error {
		return r.Each(store.CollectionPrefix(store.KindHead, coll), "", func(key string, payload []byte) error {
			h, err := decodeHead(payload)
			if err != nil || h.Gone || h.Generation == 0 {
				return err
			}
			d, err := h.document()
			if err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
			name = d.Name
			s, ok := known[d.ID]
			if !ok || s.gen != h.Generation {
				s.gen = h.Generation
				if s.sign, err = storedSign(r, docKey{coll, d.ID}, h.Generation); err != nil {
					return err
				}
			}
			now[d.ID] = s
			out = append(out, Signed{Document: d, Sign: s.sign})
			return ctx.Err()
		})
	})
	if err != nil {
		return nil, x.named(fmt.Errorf("read signs of texts: %w", err), name)
	}
	l.mu.Lock()
	l.signs = now
	l.mu.Unlock()
	slices.SortFunc(out, func(a, b Signed) int {
		return strings.Compare(a.Document.Name+"\x00"+a.Document.Source, b.Document.Name+"\x00"+b.Document.Source)
	})
	return out, nil
}

// storedSign reads a generation's sign, or makes it.
func storedSign(r *store.Reader, k docKey, generation uint32) (alike.Sign, error) {
	of, err := getInfo(r, k, generation)
	if err != nil {
		return alike.Sign{}, err
	}
	if s, err := alike.Decode(of.Alike); err == nil {
		return s, nil
	}
	return pageSign(r, k, generation)
}

// pageSign makes a sign of stored pages.
func pageSign(r *store.Reader, k docKey, generation uint32) (alike.Sign, error) {
	var m alike.Maker
	err := r.EachLong(store.GenerationPrefix(store.KindPage, k.collection, k.document, generation), "", func(_ store.Key, payload []byte) error {
		p, err := decodePage(payload)
		m.Write(p.Text)
		return err
	})
	return m.Sign(), err
}
