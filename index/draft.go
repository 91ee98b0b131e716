package index

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kakoi/core"
	"kakoi/index/store"
)

// Draft is a generation of a document that is not current yet. Safe for concurrent use.
type Draft struct {
	x       *Index
	key     docKey
	doc     core.Document
	gen     uint32
	info    info
	have    []bool // per chunk: its vector is stored
	missing int
	batches uint32 // next batch number
	end     error  // why the draft can no longer be used
}

// smallText is the text, in bytes, up to which a generation is written as one transaction.
const smallText = 128 << 10

// Source is a document that vectors may be taken from.
type Source struct {
	Collection string // Collection.ID
	Document   string // Document.ID
}

// Begin writes the text of a new generation of doc and takes over the vectors of chunks whose text has not changed, or is a chunk of
// one of the sources: a file that was moved is another document, and its old place may be of another collection. A source that is not there any
// more gives nothing. An interrupted draft of the same file, settings, embedder and text is continued. doc.ID may be empty; chunks get
// their ordinals from their places. A draft of the same document that was begun before can no longer be used.
func (x *Index) Begin(ctx context.Context, coll string, doc core.Document, pages []core.Page, chunks []core.Chunk, embedder core.EmbedderInfo, sources ...Source) (*Draft, error) {
	if doc.ID == "" {
		doc.ID = core.DocumentID(doc.Source)
	}
	if embedder.ID == "" || embedder.Dimension <= 0 {
		return nil, fmt.Errorf("begin %q: embedder without id or dimension: %w", doc.Name, core.ErrUsage)
	}
	if doc.Added.IsZero() {
		doc.Added = time.Now().UTC().Round(0)
	}
	doc.Pages, doc.Chunks, doc.Reason, doc.Hint = len(pages), len(chunks), "", ""
	d, err := x.begin(ctx, coll, doc, pages, chunks, embedder, sources)
	if err != nil {
		return nil, x.named(fmt.Errorf("begin %q: %w", doc.Name, err), doc.Name)
	}
	return d, nil
}

func (x *Index) begin(ctx context.Context, coll string, doc core.Document, pages []core.Page, chunks []core.Chunk, embedder core.EmbedderInfo, sources []Source) (*Draft, error) {
	x.writing.Lock()
	defer x.writing.Unlock()
	coll, err := x.collection(coll)
	if err != nil {
		return nil, err
	}
	d := &Draft{
		x: x, key: docKey{coll, doc.ID}, doc: doc, have: make([]bool, len(chunks)), missing: len(chunks),
		info: info{
			Document: doc, Embedder: embedder.ID, Dimension: embedder.Dimension, Pages: len(pages), Chunks: len(chunks),
			Fingerprint: fingerprint(doc, pages, chunks, embedder.ID), Alike: signOf(pages).Encode(),
		},
	}
	if x.work[d.key][0] == workErase { // an earlier removal that had no room
		if err := x.eraseMarked(d.key); err != nil {
			return nil, err
		}
	}
	before, err := x.stored(coll, doc.ID)
	if err != nil {
		return nil, err
	}
	found, err := x.resume(d)
	if err != nil {
		return nil, err
	}
	if !found {
		if err := x.newGeneration(ctx, d, before, pages, chunks, sources); err != nil {
			return nil, err
		}
	}
	if old := x.drafts[d.key]; old != nil {
		old.end = fmt.Errorf("draft of %q was begun again: %w", doc.Name, core.ErrBusy)
	}
	x.drafts[d.key] = d
	// What other drafts held is taken over or out of date. Erasing needs no luck: Open does it otherwise.
	if err := x.eraseMarked(d.key); err != nil && !errors.Is(err, core.ErrNoSpace) {
		return nil, err
	}
	return d, nil
}

// mark writes a state of unfinished work and remembers it.
func (x *Index) mark(k docKey, generation uint32, state byte, note string) error {
	err := x.store.Write(func(w *store.Writer) error {
		return w.Put(workKey(k, generation), append([]byte{state}, note...))
	})
	if err == nil {
		x.setWork(k, generation, state)
	}
	return err
}

// newGeneration writes texts, lexical segments and the vectors that are known already.
func (x *Index) newGeneration(ctx context.Context, d *Draft, before stored, pages []core.Page, chunks []core.Chunk, sources []Source) error {
	d.gen = before.head.Generation
	var drafts []uint32
	for generation, state := range x.work[d.key] {
		d.gen = max(d.gen, generation)
		if state == workDraft {
			drafts = append(drafts, generation)
		}
	}
	d.gen++
	known, err := x.knownVectors(ctx, d, before, drafts, sources, chunks)
	if err != nil {
		return err
	}
	taken := batch{dimension: d.info.Dimension}
	size := 0
	for i, c := range chunks {
		size += len(c.Text)
		if v, ok := known[sha256.Sum256([]byte(c.Text))]; ok {
			taken.ordinals = append(taken.ordinals, i)
			taken.half = append(taken.half, v...)
			d.have[i] = true
			d.missing--
		}
	}
	for _, p := range pages {
		size += len(p.Text)
	}
	segments, err := buildSegments(ctx, chunks, titlesOf(d.doc, pages, chunks))
	if err != nil {
		return err
	}
	d.info.Segments = len(segments)
	texts := func(w *store.Writer) error { return d.putTexts(ctx, w, pages, chunks, segments, taken) }
	if size <= smallText && len(taken.half) <= 512<<10 {
		err = x.store.Write(func(w *store.Writer) error { return errors.Join(texts(w), x.finishTexts(w, d, before, drafts)) })
	} else {
		if err := x.mark(d.key, d.gen, workText, ""); err != nil {
			return err
		}
		if err = x.store.Bulk(texts); err == nil {
			err = x.store.Write(func(w *store.Writer) error { return x.finishTexts(w, d, before, drafts) })
		}
		if err != nil { // what was written is worth nothing; erased by the next Begin or Open
			x.setWork(d.key, d.gen, workErase)
		}
	}
	if err != nil {
		return err
	}
	if len(taken.ordinals) > 0 {
		d.batches = 1
	}
	x.setWork(d.key, d.gen, workDraft)
	for _, generation := range drafts {
		x.setWork(d.key, generation, workErase)
	}
	return nil
}

// finishTexts makes the generation a draft that a crash does not end, and its document known.
func (x *Index) finishTexts(w *store.Writer, d *Draft, before stored, drafts []uint32) error {
	if err := w.Put(workKey(d.key, d.gen), []byte{workDraft}); err != nil {
		return err
	}
	for _, generation := range drafts {
		if err := w.Put(workKey(d.key, generation), []byte{workErase}); err != nil {
			return err
		}
	}
	if before.head.Generation != 0 || before.doc.State == core.DocumentReady {
		return nil // the current version stays what it is; one that Mend adopted without its data stays harmed, for the next repair
	}
	doc := d.doc
	doc.State = core.DocumentPending
	return x.change(w, d.key.collection, before, head{}, doc)
}

func (d *Draft) putTexts(ctx context.Context, w *store.Writer, pages []core.Page, chunks []core.Chunk, segments [][]byte, taken batch) error {
	text, err := json.Marshal(d.info)
	if err != nil {
		return err
	}
	if err := w.PutLong(d.at(store.KindInfo, 0), text); err != nil {
		return err
	}
	for i, p := range pages {
		if err := errors.Join(ctx.Err(), w.PutLong(d.at(store.KindPage, i), encodePage(p))); err != nil {
			return err
		}
	}
	for i := 0; i*blockChunks < len(chunks); i++ {
		block := chunks[i*blockChunks : min(len(chunks), (i+1)*blockChunks)]
		if err := errors.Join(ctx.Err(), w.PutLong(d.at(store.KindChunk, i), encodeChunks(block))); err != nil {
			return err
		}
	}
	for i, s := range segments {
		if err := w.PutLong(d.at(store.KindLexical, i), s); err != nil {
			return err
		}
	}
	if len(taken.ordinals) == 0 {
		return nil
	}
	return w.PutLong(d.at(store.KindVector, 0), taken.encode())
}

func (d *Draft) at(kind byte, number int) store.Key {
	return store.Key{Kind: kind, Collection: d.key.collection, Document: d.key.document, Generation: d.gen, Number: uint32(number)}
}

// Missing lists the ordinals of the chunks without a vector, ascending.
func (d *Draft) Missing() []int {
	d.x.writing.Lock()
	defer d.x.writing.Unlock()
	out := make([]int, 0, d.missing)
	for i, have := range d.have {
		if !have {
			out = append(out, i)
		}
	}
	return out
}

// PutVectors stores vectors of chunks; they are on disk when it returns.
func (d *Draft) PutVectors(ctx context.Context, ordinals []int, vecs []core.Vector) error {
	d.x.writing.Lock()
	defer d.x.writing.Unlock()
	if err := d.usable(ctx); err != nil || len(ordinals) == 0 && len(vecs) == 0 {
		return err
	}
	if len(ordinals) != len(vecs) {
		return fmt.Errorf("put %d vectors of %d chunks of %q: %w", len(vecs), len(ordinals), d.doc.Name, core.ErrUsage)
	}
	b := batch{ordinals: ordinals, dimension: d.info.Dimension, half: make([]byte, 0, 2*d.info.Dimension*len(vecs))}
	for i, v := range vecs {
		if ordinals[i] < 0 || ordinals[i] >= len(d.have) {
			return fmt.Errorf("put vector of chunk %d of %d of %q: %w", ordinals[i], len(d.have), d.doc.Name, core.ErrUsage)
		}
		if len(v) != d.info.Dimension {
			return fmt.Errorf("put vector of chunk %d of %q, %d wide, not %d: %w", ordinals[i], d.doc.Name, len(v), d.info.Dimension, core.ErrDimension)
		}
		var ok bool
		if b.half, ok = toHalf(b.half, v); !ok {
			return fmt.Errorf("put vector of chunk %d of %q: not finite: %w", ordinals[i], d.doc.Name, core.ErrCorrupt)
		}
	}
	write := d.x.store.Write
	if len(b.half) > store.MaxPayload {
		write = d.x.store.Bulk
	}
	key := d.at(store.KindVector, int(d.batches))
	if err := write(func(w *store.Writer) error { return w.PutLong(key, b.encode()) }); err != nil {
		return fmt.Errorf("put %d vectors of %q: %w", len(vecs), d.doc.Name, err)
	}
	d.batches++
	for _, o := range ordinals {
		if !d.have[o] {
			d.have[o] = true
			d.missing--
		}
	}
	return nil
}

func (d *Draft) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.end
}

// Commit makes the generation current and searchable, in one transaction, and erases the one before.
// core.ErrUsage while vectors are missing.
func (d *Draft) Commit(ctx context.Context) (core.Document, error) { return d.commit(ctx, false) }

// CommitLate is Commit, but the generation before is erased together with those of other documents: soon, by Tidy, or by the next Open. Who
// makes many documents anew needs one rewrite of the tables for all.
func (d *Draft) CommitLate(ctx context.Context) (core.Document, error) { return d.commit(ctx, true) }

const (
	lateDocuments = 64     // whose earlier generations wait to be erased, at most
	lateChunks    = 20_000 // of them
)

// Tidy erases what CommitLate has left.
func (x *Index) Tidy(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	return x.eraseLate()
}

// eraseLate forgets, too, what it cannot erase for want of space: the next Open does it.
func (x *Index) eraseLate() error {
	late := x.late
	x.late, x.lateChunks = nil, 0
	if err := x.eraseMarked(late...); err != nil && !errors.Is(err, core.ErrNoSpace) {
		return err
	}
	return nil
}

func (d *Draft) commit(ctx context.Context, late bool) (core.Document, error) {
	x := d.x
	x.writing.Lock()
	defer x.writing.Unlock()
	if err := d.usable(ctx); err != nil {
		return core.Document{}, err
	}
	if d.missing > 0 {
		return core.Document{}, fmt.Errorf("commit %q: %d vectors missing: %w", d.doc.Name, d.missing, core.ErrUsage)
	}
	before, err := x.stored(d.key.collection, d.key.document)
	if err != nil {
		return core.Document{}, x.named(fmt.Errorf("commit %q: %w", d.doc.Name, err), d.doc.Name)
	}
	doc := d.doc
	doc.State = core.DocumentReady
	after := head{Generation: d.gen, Chunks: d.info.Chunks, Embedder: d.info.Embedder, Dimension: d.info.Dimension}
	err = x.store.Write(func(w *store.Writer) error {
		if before.head.Generation != 0 {
			if err := w.Put(workKey(d.key, before.head.Generation), []byte{workErase}); err != nil {
				return err
			}
		}
		return errors.Join(w.Delete(workKey(d.key, d.gen)), x.change(w, d.key.collection, before, after, doc))
	})
	if err != nil {
		return core.Document{}, fmt.Errorf("commit %q: %w", d.doc.Name, err)
	}
	d.end = fmt.Errorf("draft of %q is committed: %w", doc.Name, core.ErrUsage)
	delete(x.drafts, d.key)
	delete(x.work[d.key], d.gen)
	if len(x.work[d.key]) == 0 {
		delete(x.work, d.key)
	}
	if before.head.Generation != 0 {
		x.setWork(d.key, before.head.Generation, workErase)
	}
	if err := x.refresh(d.key, after); err != nil {
		return doc, x.named(fmt.Errorf("load %q: %w", doc.Name, err), doc.Name)
	}
	if late && before.head.Generation != 0 {
		x.late, x.lateChunks = append(x.late, d.key), x.lateChunks+before.head.Chunks
		if len(x.late) < lateDocuments && x.lateChunks < lateChunks {
			return doc, nil
		}
		return doc, x.eraseLate()
	}
	// The new version is in; what of the old one cannot be erased for want of space is marked for the next Open.
	if err := x.eraseMarked(d.key); err != nil && !errors.Is(err, core.ErrNoSpace) {
		return doc, err
	}
	return doc, nil
}
