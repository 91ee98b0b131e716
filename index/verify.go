package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/index/hnsw"
	"kakoi/index/store"
)

// Problem is something wrong in the library. Collection and Document are ids, "" where they cannot be told.
type Problem struct {
	Collection string
	Document   string
	Name       string // of the document, where it can be told
	Remedy     Remedy
	Key        string // of RemedyRecord: "kind id"
	Err        error  // wraps core.ErrCorrupt; for what is only unfinished, core.ErrBusy
}

// Remedy is what a repair does about a Problem.
type Remedy string

// Remedies. Only the first asks for the document's file.
const (
	RemedyRead       Remedy = "read"       // the document is read again, or made again of the pages that are left
	RemedyAdopt      Remedy = "adopt"      // its entry in the list is written again
	RemedyErase      Remedy = "erase"      // leftovers are erased
	RemedyCount      Remedy = "count"      // counters are counted again
	RemedyGraph      Remedy = "graph"      // the vector index is made again: by the next load where little is missing, else by BuildGraphs
	RemedyCollection Remedy = "collection" // the collection gets a new description
	RemedyRecord     Remedy = "record"     // a record (of a conversation, say) that cannot be read is taken out
	RemedyFiles      Remedy = "files"      // files are written anew of all that can be read in them: Salvage
	RemedyWait       Remedy = "wait"       // the next add goes on with it
)

func (p Problem) Error() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s: %v", p.Collection, p.Document, p.Name, p.Err))
}

// generationKey is one generation of one document.
type generationKey struct {
	docKey
	gen uint32
}

// seen is what was found of a generation.
type seen struct {
	info     *info
	pages    int
	chunks   int
	lexical  int // chunks in segments
	segments int
	have     map[int]bool // ordinals with a vector
	wrong    []error
	harmed   bool // it is not whole
}

// verifier gathers what a walk over the store shows.
type verifier struct {
	collections map[string]core.Collection
	stats       map[string]Stats
	heads       map[docKey]head
	docs        map[docKey]core.Document
	names       map[docKey]core.Document // their second copies
	work        map[docKey]map[uint32]byte
	generations map[generationKey]*seen
	unreadable  []store.Key // of values
	problems    []Problem
}

// Verify reads everything: tables, the checksum of every value, and whether heads, pages, chunks, vectors, segments and
// counters agree. An error means that it could not finish; what it found wrong is in the problems. Progress counts bytes.
func (x *Index) Verify(ctx context.Context, progress core.Progress) ([]Problem, error) {
	x.writing.Lock()
	defer x.writing.Unlock()
	v, err := x.verify(ctx, progress)
	if err != nil {
		return nil, err
	}
	return v.problems, nil
}

// verify is Verify; the caller holds x.writing.
func (x *Index) verify(ctx context.Context, progress core.Progress) (*verifier, error) {
	v := &verifier{
		collections: map[string]core.Collection{}, stats: map[string]Stats{}, heads: map[docKey]head{}, docs: map[docKey]core.Document{}, names: map[docKey]core.Document{},
		work: map[docKey]map[uint32]byte{}, generations: map[generationKey]*seen{},
	}
	total := x.store.Bytes()
	var done int64
	visit := func(key string, payload []byte) error {
		done += int64(len(key) + len(payload))
		progress.Report(core.Update{Stage: "verify", Done: min(done, total), Total: total})
		v.visit(key, payload)
		return nil
	}
	if err := x.store.Verify(ctx, visit, v.damage); err != nil {
		return nil, fmt.Errorf("verify library: %w", err)
	}
	// Long values are walked a second time, put together.
	for _, kind := range store.GenerationKinds {
		if err := x.walk(ctx, kind, v); err != nil {
			return nil, fmt.Errorf("verify library: %w", err)
		}
	}
	v.judge()
	if err := x.verifyGraphs(ctx, v); err != nil {
		return nil, fmt.Errorf("verify library: %w", err)
	}
	for i := range v.problems {
		p := &v.problems[i]
		at := docKey{p.Collection, p.Document}
		if p.Name = v.docs[at].Name; p.Name == "" {
			p.Name = v.nameOf(at)
		}
	}
	return v, nil
}

// nameOf is a document's name as its second copy or its generations have it, where its head is lost.
func (v *verifier) nameOf(at docKey) string {
	if d, ok := v.names[at]; ok {
		return d.Name
	}
	for k, s := range v.generations {
		if k.docKey == at && s.info != nil {
			return s.info.Document.Name
		}
	}
	return ""
}

// verifyGraphs loads the snapshots of vector indexes. A damaged one counts as none and is made again.
func (x *Index) verifyGraphs(ctx context.Context, v *verifier) error {
	for c := range v.collections {
		places, err := x.graphPlaces(c)
		for _, at := range places {
			var ix *hnsw.Index
			if ix, _, err = hnsw.Load(ctx, x.store, at); err == nil {
				err = ix.Close()
			}
			if errors.Is(err, core.ErrNotFound) {
				err = nil
			}
			if errors.Is(err, core.ErrCorrupt) {
				v.bad(RemedyGraph, docKey{collection: c}, "vector index of embedder %s, to be made again: %w", at.Embedder, err)
				err = nil
			}
			if err != nil {
				return err
			}
		}
		if errors.Is(err, core.ErrCorrupt) {
			v.bad(RemedyGraph, docKey{collection: c}, "%w", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// walk reads the long values of a kind, document by document, so that a damaged one does not hide the rest.
func (x *Index) walk(ctx context.Context, kind byte, v *verifier) error {
	keys := make([]generationKey, 0, len(v.generations))
	for k := range v.generations {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b generationKey) int {
		return strings.Compare(store.GenerationPrefix(kind, a.collection, a.document, a.gen), store.GenerationPrefix(kind, b.collection, b.document, b.gen))
	})
	for _, k := range keys {
		s := v.generations[k]
		err := x.store.View(func(r *store.Reader) error {
			return r.EachLong(store.GenerationPrefix(kind, k.collection, k.document, k.gen), "", func(key store.Key, payload []byte) error {
				return errors.Join(ctx.Err(), s.take(key, payload))
			})
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.wrong = append(s.wrong, err)
		}
	}
	return nil
}

// damage notes a value that is not what was written.
func (v *verifier) damage(key string, err error) {
	p := Problem{Err: err, Remedy: RemedyFiles}
	if k, parse := store.ParseKey(key); parse == nil {
		v.unreadable = append(v.unreadable, k)
		p.Collection, p.Document = k.Collection, k.Document
		switch k.Kind {
		case store.KindMeta, store.KindRecord:
			p.Collection, p.Document, p.Remedy, p.Key = "", "", RemedyRecord, k.Collection+" "+k.Document
		case store.KindCollection:
			p.Remedy = RemedyCollection
		case store.KindCounters:
			p.Remedy = RemedyCount
		case store.KindHead, store.KindName:
			p.Remedy = RemedyAdopt
		case store.KindWork:
			p.Remedy = RemedyErase
		case store.KindGraph, store.KindCode:
			p.Document, p.Remedy = "", RemedyGraph
		default:
			p.Remedy = RemedyRead
		}
	}
	v.problems = append(v.problems, p)
}

func (v *verifier) bad(r Remedy, k docKey, format string, args ...any) {
	v.problems = append(v.problems, Problem{Collection: k.collection, Document: k.document, Remedy: r, Err: fmt.Errorf(format, args...)})
}

// visit notes one sound value.
func (v *verifier) visit(text string, payload []byte) {
	k, err := store.ParseKey(text)
	if err != nil {
		v.damage(text, err)
		return
	}
	at := docKey{k.Collection, k.Document}
	switch k.Kind {
	case store.KindCollection:
		v.collections[k.Collection] = core.Collection{ID: k.Collection}
	case store.KindCounters:
		s, err := decodeStats(payload)
		if err != nil {
			v.damage(text, err)
		}
		v.stats[k.Collection] = s
	case store.KindHead:
		h, err := decodeHead(payload)
		if err != nil {
			v.damage(text, err)
			return
		}
		d, err := h.document()
		if err != nil {
			v.damage(text, err)
		} else if d.ID != k.Document {
			v.bad(RemedyAdopt, at, "head is that of %q: %w", d.ID, core.ErrCorrupt)
		}
		v.heads[at], v.docs[at] = h, d
	case store.KindName:
		var d core.Document
		if err := json.Unmarshal(payload, &d); err != nil || d.ID != k.Document {
			v.damage(text, fmt.Errorf("name: %w", core.ErrCorrupt))
			return
		}
		v.names[at] = d
	case store.KindWork:
		if v.work[at] == nil {
			v.work[at] = map[uint32]byte{}
		}
		if len(payload) > 0 {
			v.work[at][k.Generation] = payload[0]
		}
	case store.KindInfo, store.KindPage, store.KindChunk, store.KindVector, store.KindLexical:
		g := generationKey{at, k.Generation}
		if v.generations[g] == nil {
			v.generations[g] = &seen{have: map[int]bool{}}
		}
	}
}

// take notes one long value; info comes first (GenerationKinds).
func (s *seen) take(key store.Key, payload []byte) error {
	if key.Kind == store.KindInfo {
		i, err := decodeInfo(payload)
		s.info = &i
		return err
	}
	if s.info == nil {
		return nil // judged as a whole
	}
	switch key.Kind {
	case store.KindPage:
		s.pages++
		_, err := decodePage(payload)
		return err
	case store.KindChunk:
		chunks, err := decodeChunks(payload, key.Document, int(key.Number)*blockChunks)
		s.chunks += len(chunks)
		return err
	case store.KindVector:
		b, err := checkBatch(payload, s.info.Chunks, s.info.Dimension)
		for _, o := range b.ordinals {
			s.have[o] = true
		}
		return err
	case store.KindLexical:
		l, err := decodeSegment(payload)
		if err == nil && l.first != s.lexical {
			err = fmt.Errorf("lexical segment starts at chunk %d, not %d: %w", l.first, s.lexical, core.ErrCorrupt)
		}
		s.segments++
		s.lexical += len(l.lengths)
		return err
	}
	return nil
}

// judge compares what was found.
func (v *verifier) judge() {
	counted := map[string]*Stats{}
	for k, h := range v.heads {
		if v.collections[k.collection].ID == "" {
			v.bad(RemedyCollection, k, "document of no collection: %w", core.ErrCorrupt)
		}
		if counted[k.collection] == nil {
			counted[k.collection] = &Stats{Embedders: map[string]int{}}
		}
		if h.Gone {
			if v.work[k][0] != workErase {
				v.bad(RemedyErase, k, "removed but not marked for erasure: %w", core.ErrCorrupt)
			}
			continue
		}
		counted[k.collection].count(h, v.docs[k], 1)
		if h.Generation != 0 && v.generations[generationKey{k, h.Generation}] == nil {
			v.bad(RemedyRead, k, "its generation %d is missing: %w", h.Generation, core.ErrCorrupt)
		}
		if state := v.docs[k].State; (state == core.DocumentReady) != (h.Generation != 0) {
			v.bad(RemedyRead, k, "state %q with generation %d: %w", state, h.Generation, core.ErrCorrupt)
		}
	}
	for c := range v.collections {
		have := counted[c]
		if have == nil {
			have = &Stats{Embedders: map[string]int{}}
		}
		if !reflect.DeepEqual(*have, v.stats[c]) {
			v.bad(RemedyCount, docKey{collection: c}, "counters say %+v, heads %+v: %w", v.stats[c], *have, core.ErrCorrupt)
		}
	}
	for k := range v.names {
		if _, there := v.heads[k]; !there && v.work[k][0] != workErase {
			v.bad(RemedyAdopt, k, "its head is missing: %w", core.ErrCorrupt)
		}
	}
	for k, s := range v.generations {
		h, there := v.heads[k.docKey]
		if v.work[k.docKey][0] == workErase || v.work[k.docKey][k.gen] == workErase {
			v.bad(RemedyWait, k.docKey, "generation %d waits to be erased: %w", k.gen, core.ErrBusy)
			continue
		}
		state := v.work[k.docKey][k.gen]
		current := there && !h.Gone && h.Generation == k.gen
		if !current && state != workDraft && state != workText {
			remedy := RemedyErase
			if !there {
				remedy = RemedyAdopt
			}
			v.bad(remedy, k.docKey, "generation %d belongs to nothing: %w", k.gen, core.ErrCorrupt)
		}
		if current && state == workDraft {
			v.bad(RemedyErase, k.docKey, "generation %d is in use and marked as unfinished: %w", k.gen, core.ErrCorrupt)
		}
		if state != workText {
			v.judgeGeneration(k, s, current, h)
		}
	}
	slices.SortStableFunc(v.problems, func(a, b Problem) int {
		return strings.Compare(a.Collection+"/"+a.Document, b.Collection+"/"+b.Document)
	})
}

func (v *verifier) judgeGeneration(k generationKey, s *seen, current bool, h head) {
	remedy := RemedyErase // a damaged draft is begun again
	if current {
		remedy = RemedyRead
	}
	for _, err := range s.damage(current, h) {
		s.harmed = true
		v.bad(remedy, k.docKey, "generation %d: %w", k.gen, err)
	}
}

// damage lists what is wrong with a generation.
func (s *seen) damage(current bool, h head) (all []error) {
	all = append(all, s.wrong...)
	if s.info == nil {
		return append(all, fmt.Errorf("without its description: %w", core.ErrCorrupt))
	}
	if s.pages != s.info.Pages || s.chunks != s.info.Chunks || s.lexical != s.info.Chunks || s.segments != s.info.Segments {
		all = append(all, fmt.Errorf("%d of %d pages, %d of %d chunks, %d in lexical segments: %w",
			s.pages, s.info.Pages, s.chunks, s.info.Chunks, s.lexical, core.ErrCorrupt))
	}
	if current && (len(s.have) != h.Chunks || h.Chunks != s.info.Chunks || h.Dimension != s.info.Dimension || h.Embedder != s.info.Embedder) {
		all = append(all, fmt.Errorf("%d vectors of %d chunks (head: %d): %w", len(s.have), s.info.Chunks, h.Chunks, core.ErrCorrupt))
	}
	return all
}
