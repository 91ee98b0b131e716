package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"kakoi/core"
	"kakoi/index/store"
)

// info is what a generation holds, its KindInfo value.
type info struct {
	Document    core.Document `json:"document"`
	Embedder    string        `json:"embedder"`
	Dimension   int           `json:"dimension"`
	Pages       int           `json:"pages"`
	Chunks      int           `json:"chunks"`
	Segments    int           `json:"segments"`
	Fingerprint string        `json:"fingerprint"`
	Alike       []byte        `json:"alike,omitempty"` // alike.Sign of the pages; none: made before there were any
}

// fingerprint is equal for drafts that can go on with each other's data.
func fingerprint(doc core.Document, pages []core.Page, chunks []core.Chunk, embedder string) string {
	h := sha256.New()
	field := func(s string) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	number := func(v int) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	for _, s := range []string{doc.SHA256, doc.Split, doc.Kind, embedder} {
		field(s)
	}
	number(len(pages))
	for _, p := range pages {
		number(p.Number)
		field(p.Text)
	}
	number(len(chunks))
	for _, c := range chunks {
		number(c.Page)
		number(c.Start)
		number(c.End)
		field(c.Text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// resume looks for an interrupted draft with the same fingerprint and counts its vectors.
func (x *Index) resume(d *Draft) (bool, error) {
	for generation, state := range x.work[d.key] {
		if state != workDraft {
			continue
		}
		var old info
		have, missing, batches := make([]bool, d.info.Chunks), d.info.Chunks, uint32(0)
		err := x.store.View(func(r *store.Reader) error {
			var err error
			if old, err = getInfo(r, d.key, generation); err != nil || old.Fingerprint != d.info.Fingerprint {
				return err
			}
			return eachBatch(r, d.key, generation, old, func(number uint32, b batch) error {
				batches = number + 1
				for _, o := range b.ordinals {
					if !have[o] {
						have[o] = true
						missing--
					}
				}
				return nil
			})
		})
		if err != nil {
			return false, err
		}
		if old.Fingerprint == d.info.Fingerprint {
			d.gen, d.info.Segments, d.have, d.missing, d.batches = generation, old.Segments, have, missing, batches
			for other, state := range x.work[d.key] {
				if other != generation && state == workDraft {
					if err := x.mark(d.key, other, workErase, ""); err != nil {
						return false, err
					}
				}
			}
			return true, nil
		}
	}
	return false, nil
}

// place is a generation of a document, of this one or of another.
type place struct {
	docKey
	generation uint32
}

// knownVectors gives vectors (float16) by the SHA-256 of their chunk's text, for texts of chunks: from the current generation, from drafts
// and from the sources.
func (x *Index) knownVectors(ctx context.Context, d *Draft, before stored, drafts []uint32, sources []Source, chunks []core.Chunk) (map[[32]byte][]byte, error) {
	var places []place
	if before.head.Generation != 0 {
		places = append(places, place{d.key, before.head.Generation})
	}
	for _, generation := range drafts {
		places = append(places, place{d.key, generation})
	}
	for _, s := range sources {
		if other, err := x.stored(s.Collection, s.Document); err == nil && other.head.Generation != 0 {
			places = append(places, place{docKey{s.Collection, s.Document}, other.head.Generation})
		}
	}
	if len(places) == 0 {
		return nil, nil
	}
	wanted := make(map[[32]byte]bool, len(chunks))
	for _, c := range chunks {
		wanted[sha256.Sum256([]byte(c.Text))] = true
	}
	known := map[[32]byte][]byte{}
	for _, p := range places {
		if len(known) == len(wanted) {
			break
		}
		err := x.store.View(func(r *store.Reader) error {
			old, err := getInfo(r, p.docKey, p.generation)
			if err != nil || old.Embedder != d.info.Embedder || old.Dimension != d.info.Dimension {
				return err
			}
			sums := make([][32]byte, 0, old.Chunks)
			err = eachChunk(r, p.docKey, p.generation, func(c core.Chunk) error {
				sums = append(sums, sha256.Sum256([]byte(c.Text)))
				return ctx.Err()
			})
			if err != nil {
				return err
			}
			if len(sums) != old.Chunks {
				return fmt.Errorf("%d of %d chunks: %w", len(sums), old.Chunks, core.ErrCorrupt)
			}
			return eachBatch(r, p.docKey, p.generation, old, func(_ uint32, b batch) error {
				for i, o := range b.ordinals {
					if wanted[sums[o]] && known[sums[o]] == nil {
						known[sums[o]] = bytes.Clone(b.row(i))
					}
				}
				return ctx.Err()
			})
		})
		// A damaged old version must not stop the new one: its vectors are computed again.
		if err != nil && !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrNotFound) {
			return nil, err
		}
	}
	return known, nil
}

func getInfo(r *store.Reader, k docKey, generation uint32) (info, error) {
	payload, err := r.GetLong(store.Key{Kind: store.KindInfo, Collection: k.collection, Document: k.document, Generation: generation})
	if err != nil {
		return info{}, err
	}
	return decodeInfo(payload)
}

func decodeInfo(payload []byte) (info, error) {
	var i info
	if err := json.Unmarshal(payload, &i); err != nil {
		return i, fmt.Errorf("description of a generation: %w: %w", core.ErrCorrupt, err)
	}
	return i, nil
}

// eachChunk calls fn with the chunks of a generation in order.
func eachChunk(r *store.Reader, k docKey, generation uint32, fn func(core.Chunk) error) error {
	return r.EachLong(store.GenerationPrefix(store.KindChunk, k.collection, k.document, generation), "", func(key store.Key, payload []byte) error {
		chunks, err := decodeChunks(payload, k.document, int(key.Number)*blockChunks)
		if err != nil {
			return err
		}
		for _, c := range chunks {
			if err := fn(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachBatch calls fn with the batches of vectors of a generation; ordinals and dimension are checked.
func eachBatch(r *store.Reader, k docKey, generation uint32, i info, fn func(number uint32, b batch) error) error {
	return r.EachLong(store.GenerationPrefix(store.KindVector, k.collection, k.document, generation), "", func(key store.Key, payload []byte) error {
		b, err := checkBatch(payload, i.Chunks, i.Dimension)
		if err != nil {
			return err
		}
		return fn(key.Number, b)
	})
}

func checkBatch(payload []byte, chunks, dimension int) (batch, error) {
	b, err := decodeBatch(payload)
	if err != nil {
		return b, err
	}
	if b.dimension != dimension {
		return b, fmt.Errorf("batch of vectors %d wide, not %d: %w", b.dimension, dimension, core.ErrCorrupt)
	}
	for _, o := range b.ordinals {
		if o < 0 || o >= chunks {
			return b, fmt.Errorf("vector of chunk %d of %d: %w", o, chunks, core.ErrCorrupt)
		}
	}
	return b, nil
}
