package index

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"

	"kakoi/core"
)

// A lexical segment holds the terms of a run of chunks of one document, as stored and as searched:
//
//	uvarint segmentForm, uvarint first ordinal, uvarint chunks, chunks x uvarint length in terms,
//	uvarint terms, terms x (uint32 hash, uint32 offset), ascending, little-endian,
//	postings: uvarint n, n x (uvarint 2 x distance to the previous chunk + (1 if the count follows), [uvarint count])
//
// Terms of the names and headings above a chunk are in the table under titleHash of their hash.
type segment struct {
	old      bool // of another form: its terms are not those that are asked for today
	first    int
	lengths  []uint32 // [chunks] of bigrams and words
	table    []byte
	postings []byte
}

const (
	segmentPostings = 256 << 10 // about 0.5 MB
	segmentChunks   = 4096

	// segmentForm changes with what eachTerm gives. Forms before 2 had none: they began with the first ordinal. A library's segments of another form
	// are made again from its texts (reform.go).
	segmentForm = 1<<32 | 2
)

// buildSegments makes the segments of a document's chunks. titles has for each chunk what it stands under: the document's name, headings.
func buildSegments(ctx context.Context, chunks []core.Chunk, titles []string) ([][]byte, error) {
	var segments [][]byte
	var triples []uint64 // hash << 32 | chunk << 20 | count
	var lengths []uint32
	var hashes []uint32
	first := 0
	flush := func(next int) {
		segments = append(segments, encodeSegment(first, lengths, triples))
		first, lengths, triples = next, lengths[:0], triples[:0]
	}
	for i, c := range chunks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		hashes = hashes[:0]
		length := uint32(0)
		eachTerm(c.Text, func(hash uint32, kind termKind, _ rune) {
			if kind == termLone { // came as a single already
				return
			}
			if kind != termSingle {
				length++
			}
			hashes = append(hashes, hash)
		})
		body := len(hashes)
		eachTerm(titles[i], func(hash uint32, kind termKind, _ rune) {
			if kind == termWord || kind == termBigram {
				hashes = append(hashes, titleHash(hash))
			}
		})
		slices.Sort(hashes[body:])
		hashes = hashes[:body+len(slices.Compact(hashes[body:]))] // once is enough
		slices.Sort(hashes)
		for at := 0; at < len(hashes); {
			n := at
			for n < len(hashes) && hashes[n] == hashes[at] {
				n++
			}
			triples = append(triples, uint64(hashes[at])<<32|uint64(i-first)<<20|uint64(min(n-at, 1<<20-1)))
			at = n
		}
		lengths = append(lengths, length)
		if len(triples) >= segmentPostings || len(lengths) == segmentChunks {
			flush(i + 1)
		}
	}
	if len(lengths) > 0 {
		flush(len(chunks))
	}
	return segments, nil
}

func encodeSegment(first int, lengths []uint32, triples []uint64) []byte {
	slices.Sort(triples)
	out := binary.AppendUvarint(nil, segmentForm)
	out = binary.AppendUvarint(out, uint64(first))
	out = binary.AppendUvarint(out, uint64(len(lengths)))
	for _, l := range lengths {
		out = binary.AppendUvarint(out, uint64(l))
	}
	var table, postings []byte
	terms := 0
	for at := 0; at < len(triples); terms++ {
		hash := triples[at] >> 32
		n := at
		for n < len(triples) && triples[n]>>32 == hash {
			n++
		}
		table = binary.LittleEndian.AppendUint32(table, uint32(hash))
		table = binary.LittleEndian.AppendUint32(table, uint32(len(postings)))
		postings = binary.AppendUvarint(postings, uint64(n-at))
		previous := uint64(0)
		for ; at < n; at++ {
			chunk, count := triples[at]>>20&0xfff, triples[at]&0xfffff
			if count == 1 {
				postings = binary.AppendUvarint(postings, (chunk-previous)<<1)
			} else {
				postings = binary.AppendUvarint(postings, (chunk-previous)<<1|1)
				postings = binary.AppendUvarint(postings, count)
			}
			previous = chunk
		}
	}
	out = binary.AppendUvarint(out, uint64(terms))
	out = append(out, table...)
	return append(out, postings...)
}

// decodeSegment keeps payload and reads only the lengths.
func decodeSegment(payload []byte) (segment, error) {
	in := reader{rest: payload}
	var s segment
	first := in.uvarint()
	switch {
	case first == segmentForm:
		first = in.uvarint()
	case first < 1<<32:
		s.old = true
	default:
		return s, fmt.Errorf("lexical segment of form %d: %w", first&(1<<32-1), core.ErrCorrupt)
	}
	s.first = int(first)
	n := in.uvarint()
	if n > segmentChunks {
		return s, fmt.Errorf("lexical segment of %d chunks: %w", n, core.ErrCorrupt)
	}
	s.lengths = make([]uint32, n)
	for i := range s.lengths {
		s.lengths[i] = uint32(in.uvarint())
	}
	s.table = in.bytes(8 * min(in.uvarint(), uint64(len(payload))))
	s.postings = in.rest
	if in.bad {
		return s, fmt.Errorf("lexical segment: %w", core.ErrCorrupt)
	}
	return s, nil
}

// find gives the postings of a term: how many chunks, and their bytes.
func (s *segment) find(hash uint32) (n int, postings []byte) {
	terms := len(s.table) / 8
	at := sort.Search(terms, func(i int) bool { return binary.LittleEndian.Uint32(s.table[8*i:]) >= hash })
	if at == terms || binary.LittleEndian.Uint32(s.table[8*at:]) != hash {
		return 0, nil
	}
	offset := binary.LittleEndian.Uint32(s.table[8*at+4:])
	if uint64(offset) > uint64(len(s.postings)) {
		return 0, nil
	}
	count, used := binary.Uvarint(s.postings[offset:])
	if used <= 0 {
		return 0, nil
	}
	return int(count), s.postings[int(offset)+used:]
}

// titleHash is the hash under which a term of a title stands.
func titleHash(hash uint32) uint32 { return mix(uint64(hash) | 1<<40) }

// BM25 with the usual constants (Robertson and Zaragoza 2009), and Lucene's idf, which is never negative.
const (
	bm25K1 = 1.2
	bm25B  = 0.75

	// titleWeight is what a term in the titles above a chunk counts, in parts of its idf. On the tuning questions other weights hardly differ, see docs/decisions/0025.
	titleWeight = 0.4
)

// match is one query term in one segment.
type match struct {
	segment, term int32 // terms from len(terms) on: those of titles
	n             int32
	postings      []byte
}

// scanned is what a scan found, and how it weighs words.
type scanned struct {
	best    []scored
	idf     []float64 // of each term, times its weight
	average float64   // length of a chunk
}

// saturated is what count times a term in a chunk of a length count, in parts of its idf.
func (s scanned) saturated(count, length float64) float64 {
	return count * (bm25K1 + 1) / (count + bm25K1*(1-bm25B+bm25B*length/s.average))
}

// most is the score that a chunk with every term could not exceed; the terms that no chunk has count too. names: of the terms alone that a text in Latin
// letters can have, which in a Japanese question are names and codes.
func (s scanned) most(terms []queryTerm, names bool) float64 {
	sum := 0.0
	for i, w := range s.idf {
		if !names || !terms[i].pair {
			sum += w * (bm25K1 + 1)
		}
	}
	return sum
}

// inverse is the inverse document frequency of a term that n of all chunks have.
func inverse(all, n int) float64 { return math.Log(1 + (float64(all-n)+0.5)/(float64(n)+0.5)) }

// lexicalScan gives the best k chunks for the terms.
func lexicalScan(ctx context.Context, order []*lexicalDoc, terms []queryTerm, k int) (scanned, error) {
	type place struct {
		doc *lexicalDoc
		s   *segment
	}
	var places []place
	chunks, length := 0, 0.0
	for _, d := range order {
		for i := range d.segments {
			places = append(places, place{d, &d.segments[i]})
		}
		chunks += d.chunks
		length += d.length
	}
	if chunks == 0 || len(terms) == 0 {
		return scanned{}, ctx.Err()
	}
	found := scanned{average: max(length/float64(chunks), 1)}
	all := make([]uint32, 0, 2*len(terms))
	for _, t := range terms {
		all = append(all, t.hash)
	}
	for _, t := range terms {
		all = append(all, titleHash(t.hash))
	}

	ranges := split(len(places))
	matches := make([][]match, len(ranges))
	counts := make([][]int, len(ranges)) // [range][term] chunks with the term
	err := parallel(ctx, ranges, func(worker, from, to int) {
		counts[worker] = make([]int, len(all))
		for p := from; p < to; p++ {
			for t, hash := range all {
				if n, postings := places[p].s.find(hash); n > 0 {
					counts[worker][t] += n
					matches[worker] = append(matches[worker], match{int32(p), int32(t), int32(n), postings})
				}
			}
		}
	})
	if err != nil {
		return found, err
	}
	idf := make([]float64, len(all))
	for t := range all {
		n := 0
		for _, c := range counts {
			n += c[t]
		}
		idf[t] = terms[t%len(terms)].weight * inverse(chunks, n)
	}
	found.idf = idf[:len(terms)]
	best := make([]top, len(ranges))
	err = parallel(ctx, ranges, func(worker, _, _ int) {
		best[worker] = top{k: k}
		scores := make([]float64, segmentChunks)
		for at := 0; at < len(matches[worker]); {
			p := matches[worker][at].segment
			s := places[p].s
			clear(scores[:len(s.lengths)])
			for ; at < len(matches[worker]) && matches[worker][at].segment == p; at++ {
				m := matches[worker][at]
				s.score(m, int(m.term) >= len(terms), idf[m.term], &found, scores)
			}
			for i := range s.lengths {
				if scores[i] > 0 && !best[worker].hopeless(scores[i]) {
					best[worker].offer(scored{score: scores[i], document: places[p].doc.id, gen: places[p].doc.gen, ordinal: s.first + i})
				}
			}
		}
	})
	found.best = merge(best, k)
	return found, err
}

// score adds a term's share to the chunks that have it.
func (s *segment) score(m match, title bool, idf float64, how *scanned, scores []float64) {
	in := reader{rest: m.postings}
	chunk := uint64(0)
	for range m.n {
		v := in.uvarint()
		count := 1.0
		if v&1 == 1 {
			count = float64(in.uvarint())
		}
		chunk += v >> 1
		if in.bad || chunk >= uint64(len(s.lengths)) {
			return
		}
		if title {
			scores[chunk] += titleWeight * idf
		} else {
			scores[chunk] += idf * how.saturated(count, float64(s.lengths[chunk]))
		}
	}
}
