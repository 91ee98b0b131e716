package index

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"kakoi/core"
	"kakoi/index/store"
)

// head is the record of a document: its Document, and which generation is current (0: none, only failed or pending).
type head struct {
	Generation uint32
	Gone       bool // removed; the erasure is under way
	Chunks     int
	Embedder   string // EmbedderInfo.ID of the generation's vectors
	Dimension  int
	json       []byte // of Document: loading an index needs only the numbers before it
}

const headVersion = 1

func (h head) encode(doc core.Document) ([]byte, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	out := []byte{headVersion, 0}
	if h.Gone {
		out[1] = 1
	}
	out = binary.AppendUvarint(out, uint64(h.Generation))
	out = binary.AppendUvarint(out, uint64(h.Chunks))
	out = binary.AppendUvarint(out, uint64(h.Dimension))
	out = binary.AppendUvarint(out, uint64(len(h.Embedder)))
	out = append(out, h.Embedder...)
	return append(out, text...), nil
}

func decodeHead(payload []byte) (head, error) {
	if len(payload) < 2 || payload[0] != headVersion {
		return head{}, fmt.Errorf("head: %w", core.ErrCorrupt)
	}
	h := head{Gone: payload[1] == 1}
	in := reader{rest: payload[2:]}
	h.Generation = uint32(in.uvarint())
	h.Chunks = int(in.uvarint())
	h.Dimension = int(in.uvarint())
	h.Embedder = string(in.bytes(in.uvarint()))
	if in.bad {
		return head{}, fmt.Errorf("head: %w", core.ErrCorrupt)
	}
	h.json = append([]byte(nil), in.rest...)
	return h, nil
}

func (h head) document() (core.Document, error) {
	var d core.Document
	if err := json.Unmarshal(h.json, &d); err != nil {
		return d, fmt.Errorf("head: %w: %w", core.ErrCorrupt, err)
	}
	return d, nil
}

func headKey(collection, document string) string {
	return store.Key{Kind: store.KindHead, Collection: collection, Document: document}.String()
}

func nameKey(collection, document string) string {
	return store.Key{Kind: store.KindName, Collection: collection, Document: document}.String()
}

// getHead gives the head of a document that is there: core.ErrNotFound otherwise.
func getHead(r *store.Reader, collection, document string) (head, core.Document, error) {
	payload, err := r.Get(headKey(collection, document))
	if err != nil {
		return head{}, core.Document{}, err
	}
	h, err := decodeHead(payload)
	if err != nil {
		return head{}, core.Document{}, err
	}
	if h.Gone {
		return head{}, core.Document{}, fmt.Errorf("document is being removed: %w", core.ErrNotFound)
	}
	d, err := h.document()
	return h, d, err
}

// stored is what the library knows of a document before a change; zero when nothing.
type stored struct {
	head  head
	doc   core.Document
	known bool
}

func (x *Index) stored(collection, document string) (s stored, err error) {
	err = x.store.View(func(r *store.Reader) error {
		s.head, s.doc, err = getHead(r, collection, document)
		if errors.Is(err, core.ErrNotFound) {
			return nil
		}
		s.known = err == nil
		return err
	})
	return s, err
}

// Stats are the counters of a collection, kept with every change of a head.
type Stats struct {
	Documents int            `json:"documents"`
	Ready     int            `json:"ready"`
	Pending   int            `json:"pending"` // their first vectors are missing
	Failed    int            `json:"failed"`
	Pages     int            `json:"pages"`
	Chunks    int            `json:"chunks"`    // searchable; each has its vector
	Bytes     int64          `json:"bytes"`     // of the ready documents' files
	Embedders map[string]int `json:"embedders"` // ready documents by EmbedderInfo.ID
}

// count adds (sign 1) or takes away (sign -1) one document.
func (s *Stats) count(h head, d core.Document, sign int) {
	s.Documents += sign
	switch d.State {
	case core.DocumentReady:
		s.Ready += sign
		s.Pages += sign * d.Pages
		s.Chunks += sign * h.Chunks
		s.Bytes += int64(sign) * d.Size
		if s.Embedders == nil {
			s.Embedders = map[string]int{}
		}
		if s.Embedders[h.Embedder] += sign; s.Embedders[h.Embedder] == 0 {
			delete(s.Embedders, h.Embedder)
		}
	case core.DocumentPending:
		s.Pending += sign
	default:
		s.Failed += sign
	}
}

func statsKey(collection string) string {
	return store.Key{Kind: store.KindCounters, Collection: collection}.String()
}

func putStats(w *store.Writer, collection string, s Stats) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return w.Put(statsKey(collection), text)
}

// change writes a head and the counters that follow from it, in the caller's transaction. Heads change nowhere else.
func (x *Index) change(w *store.Writer, collection string, before stored, after head, doc core.Document) error {
	payload, err := x.store.Get(statsKey(collection))
	if err != nil {
		return err
	}
	s, err := decodeStats(payload)
	if err != nil {
		return fmt.Errorf("counters of collection %s: %w", collection, err)
	}
	if before.known {
		s.count(before.head, before.doc, -1)
	}
	if !after.Gone {
		s.count(after, doc, 1)
	}
	if payload, err = after.encode(doc); err != nil {
		return err
	}
	if err := w.Put(headKey(collection, doc.ID), payload); err != nil {
		return err
	}
	if !after.Gone {
		if payload, err = json.Marshal(core.Document{ID: doc.ID, Name: doc.Name, Source: doc.Source, Kind: doc.Kind}); err != nil {
			return err
		}
		if err := w.Put(nameKey(collection, doc.ID), payload); err != nil {
			return err
		}
	}
	return putStats(w, collection, s)
}
