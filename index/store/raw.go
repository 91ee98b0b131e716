package store

import (
	"crypto/cipher"
	"encoding/binary"
	"hash/crc32"
	"math"
	"strconv"

	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// The files of Badger v4 as they lie on the disk, read without Badger: it gives up a whole table for one wrong byte in its index, ends a
// table at its first damaged block without a word, a log at its first damaged record, and some damage makes it panic in goroutines
// of its own. Nothing here trusts a length that no checksum covers.

// rawEntry is one version of a key. Its slices are valid during the call only.
type rawEntry struct {
	key     []byte
	version uint64
	deleted bool
	value   []byte // sealed
}

// Hole is a part of a file that cannot be read.
type Hole struct {
	File   string // its name in the folder
	Offset int64
	Bytes  int64
	After  string // the keys that were read before and behind it, "" where there are none; those between may be lost
	Before string
}

// Bits of an entry's meta byte in tables and logs.
const (
	bitDelete       = 1 << 0
	bitValuePointer = 1 << 1
	bitTxn          = 1 << 6
	bitFinTxn       = 1 << 7
)

// maxBlock bounds a block of a table, in bytes: one value of MaxPayload, its key and what is around them.
const maxBlock = 2 << 20

// scanTable calls fn with all entries of a table's file that are under a right checksum, and gives the holes between them.
func scanTable(name string, data []byte, keys *ring, fn func(rawEntry) error) (holes []Hole, err error) {
	end, indexed := tableEnd(data)
	w := &tableWalk{name: name, from: -1, fn: fn}
	if keys == nil {
		err = w.plain(data, end)
	} else {
		err = w.sealed(data, end, indexed, keys)
	}
	if err != nil {
		return w.holes, err
	}
	if !indexed && w.from < 0 {
		w.from = end // the index, or nothing at all
	}
	if w.from >= 0 {
		w.close(len(data), "")
	}
	return w.holes, nil
}

// tableWalk goes over the blocks of a table.
type tableWalk struct {
	name  string
	last  string // the last key read
	from  int    // where the hole begins, -1: there is none
	holes []Hole
	fn    func(rawEntry) error
}

func (w *tableWalk) close(at int, before string) {
	if w.from >= 0 {
		w.holes = append(w.holes, Hole{w.name, int64(w.from), int64(at - w.from), w.last, before})
		w.from = -1
	}
}

func (w *tableWalk) open(at int) {
	if w.from < 0 {
		w.from = at
	}
}

// block gives the entries of a sound block at a place.
func (w *tableWalk) block(at int, entries []byte, offsets []uint32) error {
	return eachEntry(entries, offsets, func(e rawEntry) error {
		w.close(at, string(e.key))
		w.last = string(append([]byte(nil), e.key...))
		return w.fn(e)
	})
}

// sealed goes over an encrypted table. Its index has the keys' number nowhere; a library has one key for years.
func (w *tableWalk) sealed(data []byte, end int, indexed bool, keys *ring) error {
	var best []span
	var c cipher.Block
	for _, try := range keys.all() {
		s, opened, most := searcher{c: try, data: data}, 0, -1
		spans := sealedBlocks(try, data, end, indexed)
		for _, sp := range spans {
			if s.opens(sp.from, sp.to) {
				opened++
			}
		}
		if opened > most {
			best, c, most = spans, try, opened
		}
		if opened == len(spans) && opened > 0 {
			break
		}
	}
	at := 0
	s := searcher{c: c, data: data}
	for _, sp := range best {
		if sp.from > at {
			w.open(at)
		}
		if at = sp.to; !s.opens(sp.from, sp.to) {
			w.open(sp.from)
			continue
		}
		entries, offsets, _ := openBlock(s.out)
		if err := w.block(sp.from, entries, offsets); err != nil {
			return err
		}
	}
	if at < end {
		w.open(at)
	}
	return nil
}

// plain goes over a table that is not encrypted: a block is where one can be decompressed to something under its checksum.
func (w *tableWalk) plain(data []byte, end int) error {
	var buf []byte
	for at := 0; at < end; {
		out, used, ok := unsnap(buf, data[at:end], maxBlock)
		buf = out
		var entries []byte
		var offsets []uint32
		if ok {
			entries, offsets, ok = openBlock(out)
		}
		if !ok {
			w.open(at)
			at++
			continue
		}
		if err := w.block(at, entries, offsets); err != nil {
			return err
		}
		at += used
	}
	return nil
}

// tableEnd is where the blocks of a table end: at its index, if that is under a right checksum, or at the end of the file.
func tableEnd(data []byte) (end int, indexed bool) {
	at := len(data) - 4
	if at < 0 {
		return len(data), false
	}
	size := int(binary.BigEndian.Uint32(data[at:]))
	if at -= size; size > 64 || at < 4 {
		return len(data), false
	}
	var sum pb.Checksum
	if proto.Unmarshal(data[at:at+size], &sum) != nil {
		return len(data), false
	}
	at -= 4
	length := int(binary.BigEndian.Uint32(data[at:]))
	if length == 0 || length > at || !checks(data[at-length:at], &sum) { // zeros have a right checksum
		return len(data), false
	}
	return at - length, true
}

func checks(data []byte, sum *pb.Checksum) bool {
	return (sum.Algo == pb.Checksum_CRC32C || sum.Algo == pb.Checksum_XXHash64) && y.VerifyChecksum(data, sum) == nil
}

// openBlock takes a decompressed block apart: entries, [offsets], number of offsets, checksum, its length.
func openBlock(block []byte) (entries []byte, offsets []uint32, ok bool) {
	at := len(block) - 4
	if at < 0 {
		return nil, nil, false
	}
	size := int(binary.BigEndian.Uint32(block[at:]))
	if at -= size; size > 64 || at < 4 {
		return nil, nil, false
	}
	var sum pb.Checksum
	if proto.Unmarshal(block[at:at+size], &sum) != nil || !checks(block[:at], &sum) {
		return nil, nil, false
	}
	at -= 4
	n := int(binary.BigEndian.Uint32(block[at:]))
	if n <= 0 || n > at/4 {
		return nil, nil, false
	}
	for i := range n {
		offsets = append(offsets, binary.LittleEndian.Uint32(block[at-4*(n-i):]))
	}
	return block[:at-4*n], offsets, true
}

// eachEntry reads the entries of a sound block: each has the length of what its key shares with the block's first, the length of the
// rest, the rest, and the value with meta bytes and expiry.
func eachEntry(data []byte, offsets []uint32, fn func(rawEntry) error) error {
	var base, key []byte
	for i, from := range offsets {
		to := uint32(len(data))
		if i+1 < len(offsets) {
			to = offsets[i+1]
		}
		if from+4 > to || to > uint32(len(data)) {
			return nil // not what Badger writes; the checksum was right
		}
		e := data[from:to]
		overlap, diff := int(binary.LittleEndian.Uint16(e)), int(binary.LittleEndian.Uint16(e[2:]))
		if overlap > len(base) || 4+diff > len(e) {
			return nil
		}
		key = append(append(key[:0], base[:overlap]...), e[4:4+diff]...)
		if i == 0 {
			base = append([]byte(nil), key...)
		}
		if err := give(key, e[4+diff:], fn); err != nil {
			return err
		}
	}
	return nil
}

// give calls fn with an entry of a table, whose key ends with its version.
func give(key, value []byte, fn func(rawEntry) error) error {
	if len(key) < 8 || len(value) < 3 {
		return nil
	}
	meta := value[0]
	_, n := binary.Uvarint(value[2:])
	if n <= 0 {
		return nil
	}
	return giveEntry(key, meta, value[2+n:], fn)
}

func giveEntry(key []byte, meta byte, value []byte, fn func(rawEntry) error) error {
	at := len(key) - 8
	if at <= 0 || key[0] == '!' { // Badger's own
		return nil
	}
	return fn(rawEntry{
		key: key[:at], version: math.MaxUint64 - binary.BigEndian.Uint64(key[at:]),
		deleted: meta&(bitDelete|bitValuePointer) != 0, value: value,
	})
}

// logHeader is what a log begins with: the number of its cipher's key (0: none) and a nonce.
const logHeader = 20

// record is one record of a log.
type record struct {
	meta       byte
	key, value []byte
	size       int
}

// readRecord reads the record at the start of data: meta, user meta, lengths, expiry, key, value, CRC-32C of it all.
func readRecord(data []byte) (r record, ok bool) {
	if len(data) < 9 {
		return r, false
	}
	at := 2
	var n [3]uint64
	for i := range n {
		v, used := binary.Uvarint(data[at:])
		if used <= 0 {
			return r, false
		}
		n[i], at = v, at+used
	}
	// Our values are short and never expire; without that a damaged log would be summed up from each of its bytes on.
	if data[1] != 0 || n[2] != 0 || n[0] == 0 || n[0] > 1<<14 || n[1] > MaxPayload+4 {
		return r, false
	}
	end := at + int(n[0]) + int(n[1])
	if end+4 > len(data) || crc32.Checksum(data[:end], castagnoli) != binary.BigEndian.Uint32(data[end:]) {
		return r, false
	}
	key := at + int(n[0])
	return record{data[0], data[at:key], data[key:end], end + 4}, true
}

// scanLog calls fn with the entries of all whole transactions of a log. A hole is damage only when a whole transaction lies behind it:
// what a crash leaves of the last one looks the same, and was promised to nobody. What can be read of a transaction in a hole is given
// too: it was promised, and whoever reads it finds out what is missing.
func scanLog(name string, data []byte, keys *ring, fn func(rawEntry) error) (holes []Hole, err error) {
	var txn, pending []record // of the transaction being read; of those in the hole
	var ts uint64
	last, from := "", -1
	lose := func(at int) {
		if from < 0 {
			from = at
		}
		pending, txn = append(pending, txn...), nil
	}
	done := func(at int, records []record) error {
		for i, r := range append(pending, records...) {
			err := giveEntry(r.key, r.meta, r.value, func(e rawEntry) error {
				if from >= 0 && i >= len(pending) {
					holes = append(holes, Hole{name, int64(from), int64(at - from), last, string(e.key)})
					from = -1
				}
				last = string(e.key)
				return fn(e)
			})
			if err != nil {
				return err
			}
		}
		pending = nil
		return nil
	}
	open, _ := keys.logCipher(data)
	begin := 0 // of the transaction being read
	for at := min(logHeader, len(data)); at < len(data); {
		r, ok := readRecord(data[at:])
		if !ok {
			if len(txn) > 0 {
				lose(begin)
			}
			lose(at)
			at = nextByte(data, at)
			continue
		}
		r = open.open(r, at)
		switch {
		case r.meta&bitTxn != 0 && len(r.key) > 8:
			version := math.MaxUint64 - binary.BigEndian.Uint64(r.key[len(r.key)-8:])
			if len(txn) > 0 && version != ts {
				lose(begin)
			}
			if len(txn) == 0 {
				ts, begin = version, at
			}
			txn = append(txn, r)
		case r.meta&bitFinTxn != 0:
			if v, err := strconv.ParseUint(string(r.value), 10, 64); err != nil || v != ts || len(txn) == 0 {
				lose(at)
				break
			}
			records := txn
			txn = nil
			if err := done(begin, records); err != nil {
				return holes, err
			}
		default:
			if len(txn) > 0 {
				lose(begin)
			}
			if err := done(at, []record{r}); err != nil {
				return holes, err
			}
		}
		at += r.size
	}
	return holes, nil
}

// nextByte is where the next record may begin: a run of zeros, which most of a log is, holds none.
func nextByte(data []byte, at int) int {
	at++
	if at >= len(data) || data[at] != 0 {
		return at
	}
	for at+8 < len(data) && binary.LittleEndian.Uint64(data[at:]) == 0 {
		at += 8
	}
	return at
}
