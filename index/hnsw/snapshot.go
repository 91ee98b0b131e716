package hnsw

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"sync/atomic"
	"unsafe"

	"kakoi/core"
	"kakoi/index/store"
)

// Place names a snapshot in the store: vectors of different embedders lie in different places and never meet.
type Place struct{ Collection, Embedder string }

// A snapshot is a header, written last and in one transaction, and what it names: the neighbours, whole, under the header's
// version; and the codes in blocks of blockSlots, each under the version that changed it last, so that a removal rewrites a
// block, not everything. Every value carries a CRC (package store). A mark says that a snapshot is being changed; where one is
// found, what the header does not name is left of a crash, and Recover erases it.
//
// The codes are made of people's documents: Forget takes them out of the files. Neighbours alone say nothing.
type header struct {
	Params  Params
	Version uint32 // of neighbours and owner
	Slots   uint32
	Uppers  uint32
	Entry   uint64
	Root    uint32
	Codes   []uint32 // version of each block
}

const headerFormat = 1

// Values under a version of KindGraph, by Number.
const (
	numberUpper = iota
	numberOwner
	numberLinks // and one for each block
)

func (p Place) header() string {
	return store.Key{Kind: store.KindGraph, Collection: p.Collection, Document: p.Embedder}.String()
}

// mark is the key that is there while the snapshot changes.
func (p Place) mark() string { return p.value(0, 1).String() }

func (p Place) value(version uint32, number int) store.Key {
	return store.Key{Kind: store.KindGraph, Collection: p.Collection, Document: p.Embedder, Generation: version, Number: uint32(number)}
}

func (p Place) codes(block int, version uint32) store.Key {
	return store.Key{Kind: store.KindCode, Collection: p.Collection, Document: p.Embedder, Generation: uint32(block), Number: version}
}

func (h header) encode() []byte {
	out := []byte{headerFormat}
	for _, v := range []uint64{
		uint64(h.Params.Dimension), uint64(h.Params.M), uint64(h.Params.EfConstruction), h.Params.Seed,
		uint64(h.Version), uint64(h.Slots), uint64(h.Uppers), h.Entry, uint64(h.Root), uint64(len(h.Codes)), uint64(len(h.Params.Center)),
	} {
		out = binary.AppendUvarint(out, v)
	}
	for _, v := range h.Codes {
		out = binary.AppendUvarint(out, uint64(v))
	}
	for _, f := range h.Params.Center {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(f))
	}
	return out
}

func decodeHeader(payload []byte) (header, error) {
	bad := fmt.Errorf("header of a vector index: %w", core.ErrCorrupt)
	if len(payload) == 0 || payload[0] != headerFormat {
		return header{}, bad
	}
	rest := payload[1:]
	next := func() uint64 {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			rest = nil
			return math.MaxUint64
		}
		rest = rest[n:]
		return v
	}
	var f [11]uint64
	for i := range f {
		f[i] = next()
	}
	if f[9] > uint64(len(rest)) || f[10] > uint64(len(rest)) || f[5] > uint64(maxSlots) || f[6] > 1<<28 {
		return header{}, bad
	}
	h := header{
		Params:  Params{Dimension: int(f[0]), M: int(f[1]), EfConstruction: int(f[2]), Seed: f[3]},
		Version: uint32(f[4]), Slots: uint32(f[5]), Uppers: uint32(f[6]), Entry: f[7], Root: uint32(f[8]), Codes: make([]uint32, f[9]),
	}
	for i := range h.Codes {
		h.Codes[i] = uint32(next())
	}
	if uint64(len(rest)) != 4*f[10] || len(h.Codes) != (int(h.Slots)+blockSlots-1)/blockSlots {
		return header{}, bad
	}
	for i := range int(f[10]) {
		h.Params.Center = append(h.Params.Center, math.Float32frombits(binary.LittleEndian.Uint32(rest[4*i:])))
	}
	if err := h.Params.Validate(); err != nil {
		return header{}, fmt.Errorf("%w: %w", bad, err)
	}
	return h, nil
}

// bytesOf is numbers as they lie in memory: the formats are little-endian, as every machine Kakoi is built for.
func bytesOf[T any](s []T) []byte {
	var one T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(one)))
}

// block is the slots of a block of codes.
func block(b, slots int) (from, to int) { return b * blockSlots, min((b+1)*blockSlots, slots) }

// codeBlock is codes, abouts, labels and deletions of a block; the deleted are wiped.
func (x *Index) codeBlock(b int) []byte {
	from, to := block(b, x.slots)
	out := slices.Concat(x.codes.some[from*x.stride:to*x.stride], bytesOf(x.scales.some[from:to]), bytesOf(x.about.some[from:to]), bytesOf(x.labels.some[from:to]),
		bytesOf(x.dead.some[from/64:from/64+blockSlots/64]))
	for s := from; s < to; s++ {
		if x.isDead(uint32(s)) {
			wipeIn(out, s-from, to-from, x.stride)
		}
	}
	return out
}

// wipeIn wipes slot i of an encoded block of n: its code, its score numbers, its label.
func wipeIn(block []byte, i, n, stride int) {
	clear(block[i*stride : (i+1)*stride])
	clear(block[n*stride+4*i:][:4])
	clear(block[n*(stride+4)+12*i:][:8])
	clear(block[n*(stride+16)+8*i:][:8])
}

// Save writes what has changed since the last Save or Load; owner is whatever the caller wants to find again. Deleted vectors
// are repaired away first. A crash leaves the snapshot before, or this one.
func (x *Index) Save(ctx context.Context, s *store.Store, at Place, owner []byte) error {
	if err := x.Repair(ctx); err != nil {
		return err
	}
	if err := Recover(s, at); err != nil {
		return err
	}
	x.changing.Lock()
	defer x.changing.Unlock()
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return fmt.Errorf("vector index is closed: %w", core.ErrUsage)
	}
	before, err := readHeader(s, at)
	if err != nil && !errors.Is(err, core.ErrNotFound) && !errors.Is(err, core.ErrCorrupt) {
		return err
	}
	if err != nil || x.saved != before.Version { // nothing there that is ours: write it all, over nothing old
		if err := s.Erase(at.prefixes()...); err != nil {
			return fmt.Errorf("save vector index: %w", err)
		}
		x.dirty.all()
		before = header{Version: before.Version}
	}
	h := header{
		Params: x.p, Version: before.Version + 1, Slots: uint32(x.slots), Uppers: uint32(x.uppers),
		Entry: x.entry.Load(), Root: x.root.Load(), Codes: append([]uint32(nil), before.Codes...),
	}
	if err := s.Write(func(w *store.Writer) error { return w.Put(at.mark(), nil) }); err != nil {
		return fmt.Errorf("save vector index: %w", err)
	}
	var old []string
	err = s.Bulk(func(w *store.Writer) error {
		for b := 0; b*blockSlots < x.slots; b++ {
			from, to := block(b, x.slots)
			m := 2 * x.p.M
			if err := errors.Join(ctx.Err(), w.PutLong(at.value(h.Version, numberLinks+b), bytesOf(x.links.some[from*m:to*m]))); err != nil {
				return err
			}
			if b < len(h.Codes) && !x.dirty.codes(b) {
				continue
			}
			if b < len(h.Codes) {
				old = append(old, at.codes(b, h.Codes[b]).NumberPrefix())
				h.Codes[b]++
			} else {
				h.Codes = append(h.Codes, 1)
			}
			if err := w.PutLong(at.codes(b, h.Codes[b]), x.codeBlock(b)); err != nil {
				return err
			}
		}
		return errors.Join(w.PutLong(at.value(h.Version, numberUpper), bytesOf(x.upper.some[:x.uppers*x.p.M])), w.PutLong(at.value(h.Version, numberOwner), owner))
	})
	if err == nil {
		err = s.Write(func(w *store.Writer) error { return w.Put(at.header(), h.encode()) })
	}
	if err != nil {
		return fmt.Errorf("save vector index: %w", err)
	}
	x.dirty.none()
	x.saved = h.Version
	if before.Version != 0 {
		old = append(old, store.GenerationPrefix(store.KindGraph, at.Collection, at.Embedder, before.Version))
	}
	return finish(s, at, old)
}

// finish erases what the new header does not name any more, and the mark.
func finish(s *store.Store, at Place, old []string) error {
	if len(old) > 0 {
		if err := s.Erase(old...); err != nil {
			return fmt.Errorf("erase the vector index before: %w", err)
		}
	}
	if err := s.Write(func(w *store.Writer) error { return w.Delete(at.mark()) }); err != nil {
		return fmt.Errorf("save vector index: %w", err)
	}
	return nil
}

// Recover erases what a crash in Save or Forget left behind. It costs nothing when there was none.
func Recover(s *store.Store, at Place) error {
	if _, err := s.Get(at.mark()); errors.Is(err, core.ErrNotFound) {
		return nil
	} else if err != nil {
		return fmt.Errorf("recover vector index: %w", err)
	}
	h, err := readHeader(s, at)
	if errors.Is(err, core.ErrNotFound) || errors.Is(err, core.ErrCorrupt) {
		return Erase(s, at)
	} else if err != nil {
		return err
	}
	old := map[string]bool{}
	err = s.View(func(r *store.Reader) error {
		for _, prefix := range at.prefixes() {
			err := r.Keys(prefix, func(key string) error {
				k, err := store.ParseKey(key)
				switch {
				case err != nil:
					return err
				case k.Kind == store.KindCode && (int(k.Generation) >= len(h.Codes) || h.Codes[k.Generation] != k.Number):
					old[k.NumberPrefix()] = true
				case k.Kind == store.KindGraph && k.Generation != 0 && k.Generation != h.Version:
					old[store.GenerationPrefix(k.Kind, k.Collection, k.Document, k.Generation)] = true
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("recover vector index: %w", err)
	}
	return finish(s, at, slices.Collect(maps.Keys(old)))
}

// Forget takes vectors out of the snapshot, so that no file holds their codes any more; after the next Load they are gone. It
// is for slots that were deleted, or will not be used again; the index in memory need not be there. core.ErrNotFound where
// there is no snapshot.
func Forget(s *store.Store, at Place, slots []uint32) error {
	if err := Recover(s, at); err != nil { // or the end of this would hide what a crash left
		return err
	}
	h, err := readHeader(s, at)
	if err != nil {
		return err
	}
	blocks := map[int][]int{}
	for _, slot := range slots {
		if slot < h.Slots {
			b := int(slot) / blockSlots
			blocks[b] = append(blocks[b], int(slot)%blockSlots)
		}
	}
	if len(blocks) == 0 {
		return nil
	}
	if err := s.Write(func(w *store.Writer) error { return w.Put(at.mark(), nil) }); err != nil {
		return fmt.Errorf("forget %d vectors: %w", len(slots), err)
	}
	stride := (h.Params.Dimension + 63) &^ 63
	var old []string
	for b, gone := range blocks {
		var payload []byte
		err := s.View(func(r *store.Reader) error {
			payload, err = r.GetLong(at.codes(b, h.Codes[b]))
			return err
		})
		from, to := block(b, int(h.Slots))
		n := to - from
		if err == nil && len(payload) != n*(stride+16+8)+blockSlots/8 {
			err = fmt.Errorf("block of codes: %d bytes: %w", len(payload), core.ErrCorrupt)
		}
		if err != nil {
			return fmt.Errorf("forget %d vectors: %w", len(slots), err)
		}
		for _, i := range gone {
			if binary.LittleEndian.Uint32(payload[n*stride+4*i:]) != 0 { // not free already
				wipeIn(payload, i, n, stride)
				payload[n*(stride+16+8)+i/8] |= 1 << (i % 8)
			}
		}
		old = append(old, at.codes(b, h.Codes[b]).NumberPrefix())
		h.Codes[b]++
		if err := s.Bulk(func(w *store.Writer) error { return w.PutLong(at.codes(b, h.Codes[b]), payload) }); err != nil {
			return fmt.Errorf("forget %d vectors: %w", len(slots), err)
		}
	}
	if err := s.Write(func(w *store.Writer) error { return w.Put(at.header(), h.encode()) }); err != nil {
		return fmt.Errorf("forget %d vectors: %w", len(slots), err)
	}
	return finish(s, at, old)
}

// prefixes begin all keys of a place.
func (p Place) prefixes() []string {
	return []string{store.DocumentPrefix(store.KindGraph, p.Collection, p.Embedder), store.DocumentPrefix(store.KindCode, p.Collection, p.Embedder)}
}

// Erase takes a snapshot out of the files.
func Erase(s *store.Store, at Place) error {
	if err := s.Erase(at.prefixes()...); err != nil {
		return fmt.Errorf("erase vector index: %w", err)
	}
	return nil
}

func readHeader(s *store.Store, at Place) (header, error) {
	payload, err := s.Get(at.header())
	if err != nil {
		return header{}, fmt.Errorf("read vector index: %w", err)
	}
	return decodeHeader(payload)
}

// Owner reads the owner's bytes alone: core.ErrNotFound, core.ErrCorrupt.
func Owner(s *store.Store, at Place) (owner []byte, err error) {
	h, err := readHeader(s, at)
	if err != nil {
		return nil, err
	}
	err = s.View(func(r *store.Reader) error {
		owner, err = r.GetLong(at.value(h.Version, numberOwner))
		return err
	})
	if errors.Is(err, core.ErrNotFound) { // the header says that it is there
		err = fmt.Errorf("%w: %w", core.ErrCorrupt, err)
	}
	return owner, err
}

// Load reads a snapshot and its owner's bytes: core.ErrNotFound, or core.ErrCorrupt, after which the vectors are to be added
// to a new index. The vectors themselves are not in it: Vectors must be set.
func Load(ctx context.Context, s *store.Store, at Place) (x *Index, owner []byte, err error) {
	if err := Recover(s, at); err != nil {
		return nil, nil, err
	}
	h, err := readHeader(s, at)
	if err != nil {
		return nil, nil, err
	}
	if x, err = New(h.Params); err != nil {
		return nil, nil, err
	}
	if owner, err = x.load(ctx, s, at, h); err == nil {
		err = x.sound(h)
	}
	if err == nil {
		err = x.Repair(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("load vector index: %w", err), x.Close())
	}
	return x, owner, nil
}

var errEnough = errors.New("past the range")

func (x *Index) load(ctx context.Context, s *store.Store, at Place, h header) (owner []byte, err error) {
	x.slots, x.uppers, x.saved = int(h.Slots), int(h.Uppers), h.Version
	x.entry.Store(h.Entry)
	x.root.Store(h.Root)
	if err := errors.Join(x.grow(x.slots), x.upper.grow(more(x.uppers*x.p.M))); err != nil {
		return nil, err
	}
	x.dirty.grow(x.slots)
	x.dirty.none()
	blocks, m := len(h.Codes), 2*x.p.M
	var got atomic.Int64
	into := func(dst, payload []byte, what store.Key) error {
		if len(dst) != len(payload) {
			return fmt.Errorf("%s: %d bytes, not %d: %w", what, len(payload), len(dst), core.ErrCorrupt)
		}
		copy(dst, payload)
		got.Add(1)
		return nil
	}
	workers := max(1, min(runtime.GOMAXPROCS(0), 8, blocks/8))
	failed := make([]error, 2*workers)
	each(2*workers, workers, 1, func(_ int, next func() (int, int)) {
		for i, _ := next(); i >= 0; i, _ = next() {
			first, last := i/2*blocks/workers, (i/2+1)*blocks/workers
			if i%2 == 0 {
				failed[i] = s.View(func(r *store.Reader) error {
					return r.EachLongShared(at.prefixes()[1], at.codes(first, 0).String(), func(k store.Key, payload []byte) error {
						b := int(k.Generation)
						if b >= last {
							return errEnough
						}
						return errors.Join(ctx.Err(), x.takeCodes(b, payload, func(dst, payload []byte) error { return into(dst, payload, k) }))
					})
				})
				continue
			}
			failed[i] = s.View(func(r *store.Reader) error {
				from := at.value(h.Version, numberLinks+first)
				if i/2 == 0 {
					from.Number = 0
				}
				return r.EachLongShared(store.GenerationPrefix(store.KindGraph, at.Collection, at.Embedder, h.Version), from.String(), func(k store.Key, payload []byte) error {
					switch b := int(k.Number) - numberLinks; {
					case k.Number == numberOwner:
						owner = bytes.Clone(payload)
						got.Add(1)
						return nil
					case k.Number == numberUpper:
						return into(bytesOf(x.upper.some[:x.uppers*x.p.M]), payload, k)
					case b >= last:
						return errEnough
					default:
						from, to := block(b, x.slots)
						return errors.Join(ctx.Err(), into(bytesOf(x.links.some[from*m:to*m]), payload, k))
					}
				})
			})
		}
	})
	for _, err := range failed {
		if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
	}
	if want := 6*blocks + 2; int(got.Load()) != want { // a damaged block of the database hides keys
		return nil, fmt.Errorf("%d of %d parts of the vector index: %w", got.Load(), want, core.ErrCorrupt)
	}
	return owner, nil
}

// takeCodes takes an encoded block apart.
func (x *Index) takeCodes(b int, payload []byte, into func(dst, payload []byte) error) error {
	from, to := block(b, x.slots)
	for _, dst := range [][]byte{
		x.codes.some[from*x.stride : to*x.stride], bytesOf(x.scales.some[from:to]), bytesOf(x.about.some[from:to]), bytesOf(x.labels.some[from:to]),
		bytesOf(x.dead.some[from/64 : from/64+blockSlots/64]),
	} {
		if err := into(dst, payload[:min(len(dst), len(payload))]); err != nil {
			return err
		}
		payload = payload[len(dst):]
	}
	if len(payload) != 0 {
		return fmt.Errorf("block of codes: %d bytes too many: %w", len(payload), core.ErrCorrupt)
	}
	return nil
}

// sound looks at everything that is used as an index, so that a wrong number cannot end the process, and counts.
func (x *Index) sound(h header) error {
	var count, gone atomic.Int64
	var bad atomic.Bool
	each(x.slots, max(1, min(runtime.GOMAXPROCS(0), x.slots/1000)), 4096, func(_ int, next func() (int, int)) {
		living, dead := 0, 0
		for from, to := next(); from >= 0; from, to = next() {
			for s := uint32(from); s < uint32(to); s++ {
				a := x.about.some[s]
				if int(a.upper>>4)+a.level() > x.uppers {
					bad.Store(true)
					return
				}
				if x.isDead(s) {
					dead++
				} else if x.scales.some[s] != 0 {
					living++
				}
				for l := range a.level() + 1 {
					for _, id := range x.row(s, l) {
						if id != none && (int(id&slotMask) >= x.slots || l > 0 && (id&tree != 0 || x.about.some[id&slotMask].level() < l)) {
							bad.Store(true)
							return
						}
					}
				}
			}
		}
		count.Add(int64(living))
		gone.Add(int64(dead))
	})
	entry := uint32(h.Entry)
	switch {
	case bad.Load():
		return fmt.Errorf("vector index with neighbours that are not there: %w", core.ErrCorrupt)
	case count.Load()+gone.Load() == 0 && entry == none:
	case int(entry) >= x.slots || int(h.Root) >= x.slots || int(h.Entry>>32) != x.about.some[entry].level():
		return fmt.Errorf("vector index without an entry: %w", core.ErrCorrupt)
	}
	x.count.Store(count.Load())
	x.stale.Store(gone.Load())
	for s := range uint32(x.slots) {
		if x.scales.some[s] == 0 && !x.isDead(s) {
			x.free = append(x.free, s)
		}
	}
	return nil
}
