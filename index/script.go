package index

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"unicode"

	"github.com/viterin/vek/vek32"
)

// Embedders of several languages put texts of one language nearer to each other than translations are: asked in English, nearly everything English in a
// collection comes before what Japanese documents say. Where a question is given with its vector and the collection holds both scripts, the cosines of
// the script that the question is not written in are therefore read by their own mean and spread: a passage that stands out among the Japanese ones as
// much as another among the English ones is as near. (Language means taken out: Libovický, Rosa and Fraser 2020. Figures: docs/decisions/0025.)
//
// What the question says in other words, or in the other language (said.go), adds to that.

// script is what a text is written in, as far as the searches tell it apart.
type script uint8

const (
	latin    script = iota // and all others
	japanese               // with hiragana
)

// scriptOf says what a question is written in. A term or two of the other script do not matter.
func scriptOf(text string) script {
	letters, kana := 0, 0
	for _, r := range text {
		if !unicode.IsLetter(r) {
			continue
		}
		letters++
		if unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) {
			kana++
		}
	}
	if kana*4 > letters {
		return japanese
	}
	return latin
}

const (
	// A chunk is Japanese when it has leastKana of commonKana: a quoted word or the number of a section does not make it so.
	commonKana = "のにはをたてとがでしいるすなれか"
	leastKana  = 4

	// fewChunks is how many chunks of the rarer script are believed as much as no correction at all. Tuned, see docs/decisions/0025.
	fewChunks = 50
)

// kanaHashes are the terms of commonKana.
var kanaHashes = func() []uint32 {
	var out []uint32
	for _, r := range commonKana {
		out = append(out, hashRunes([]rune{r}))
	}
	return out
}()

// scripts are the scripts of a document's chunks, read from its segments at the first question that asks for them.
type scripts struct {
	once sync.Once
	of   []script
	n    [2]int // chunks of each
}

// scripts of the chunks. [chunks]
func (d *lexicalDoc) scripts() []script {
	d.script.once.Do(func() {
		d.script.of = make([]script, d.chunks)
		d.script.n[latin] = d.chunks
		for _, s := range d.segments {
			kana := make([]uint8, len(s.lengths))
			for _, hash := range kanaHashes {
				n, postings := s.find(hash)
				s.each(n, postings, func(chunk int, _ float64) { kana[chunk]++ })
			}
			for i, n := range kana {
				if n >= leastKana {
					d.script.of[s.first+i] = japanese
					d.script.n[latin]--
					d.script.n[japanese]++
				}
			}
		}
	})
	return d.script.of
}

// each reads n postings of a term; chunks are those of the segment, from 0 on. What is damaged ends it.
func (s *segment) each(n int, postings []byte, yield func(chunk int, count float64)) {
	chunk := uint64(0)
	for range n {
		v, used := binary.Uvarint(postings)
		if used <= 0 {
			return
		}
		postings = postings[used:]
		count := uint64(1)
		if v&1 == 1 {
			if count, used = binary.Uvarint(postings); used <= 0 {
				return
			}
			postings = postings[used:]
		}
		if chunk += v >> 1; chunk >= uint64(len(s.lengths)) {
			return
		}
		yield(int(chunk), float64(count))
	}
}

// scriptsOf finds the scripts of a document's generation; nil when they are not known.
func (l *live) scriptsOf(id string, gen uint32) []script {
	at, ok := slices.BinarySearchFunc(l.lexical.docs, id, func(d *lexicalDoc, id string) int { return compare(d.id, id) })
	if !ok || l.lexical.docs[at].gen != gen {
		return nil
	}
	return l.lexical.docs[at].scripts()
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// spread is how the cosines of a query lie over the chunks of a script.
type spread struct{ n, sum, squares float64 }

func (s *spread) add(v float64) { s.n, s.sum, s.squares = s.n+1, s.sum+v, s.squares+v*v }

func (s *spread) join(o spread) {
	s.n, s.sum, s.squares = s.n+o.n, s.sum+o.sum, s.squares+o.squares
}

func (s spread) mean() float64 { return s.sum / s.n }

func (s spread) deviation() float64 {
	return math.Sqrt(max(0, s.squares/s.n-s.mean()*s.mean()))
}

// found2 is what a search found of each script, and how the cosines lie there.
type found2 struct {
	best   [2][]scored
	spread [2]spread
}

// What the words of a question that stand in a passage add to its cosine, in deviations of the cosines of its script for each unit of their weight: in its own
// script, where the words are found by themselves too (rag.Fuse), and in the other. Tuned, see docs/decisions/0025.
const (
	ownWords   = 0.2
	otherWords = 0.3
)

// matched gives the k best of both scripts, those of the other one than the question's as they compare with its own, and by its words (nil: none is known): shift is
// what that adds to their cosine.
func (f found2) matched(asked script, k int, words [2]*said) []scored {
	own, other := f.spread[asked], f.spread[1-asked]
	believed := min(own.n, other.n) / (min(own.n, other.n) + fewChunks)
	var all []scored
	for kind, best := range f.best {
		deviation, each := f.spread[kind].deviation(), ownWords
		foreign := script(kind) != asked
		if foreign {
			each = otherWords
		}
		for _, s := range best {
			here := deviation
			if foreign && own.n > 0 && deviation > 0 {
				s.shift = believed * (own.mean() + own.deviation()*(s.score-other.mean())/deviation - s.score)
				here = believed*own.deviation() + (1-believed)*deviation
			}
			if w := words[kind]; w != nil {
				s.shift += here * each * w.sum(s)
			}
			s.score += s.shift
			all = append(all, s)
		}
	}
	slices.SortFunc(all, better)
	return all[:min(k, len(all))]
}

// denseBoth is dense for a question in a script.
func (x *Index) denseBoth(ctx context.Context, coll string, l *live, q Query) ([]scored, error) {
	f, err := scanBoth(ctx, l, q)
	if err != nil {
		return nil, err
	}
	if g := l.graphs[q.Embedder]; g != nil {
		if err := x.graphBoth(l, g, q, &f); err != nil {
			return nil, x.damaged(coll, err)
		}
	}
	d, err := loadDictionary()
	if err != nil {
		return nil, err
	}
	known := d.known(q.Asked)
	var words [2]*said
	for kind := range words {
		in := script(kind)
		if len(known) == 0 || f.spread[in].n == 0 {
			continue
		}
		if words[in], err = l.said(ctx, d.concepts(known, in), in, q.K); err != nil {
			return nil, err
		}
		drawn, err := x.drawn(l, q, words[in], f.best[in])
		if err != nil {
			return nil, x.damaged(coll, err)
		}
		f.best[in] = append(f.best[in], drawn...)
	}
	return f.matched(scriptOf(q.Asked), q.K, words), nil
}

// scanBoth looks at every vector that is in no graph.
func scanBoth(ctx context.Context, l *live, q Query) (found2, error) {
	runs, err := denseRuns(l.dense.docs, q.Embedder, q.Vector)
	if err != nil {
		return found2{}, err
	}
	ranges := splitRuns(len(runs))
	best := [2][]top{make([]top, len(ranges)), make([]top, len(ranges))}
	spreads := make([][2]spread, len(ranges))
	err = parallel(ctx, ranges, func(w, from, to int) {
		best[latin][w].k, best[japanese][w].k = q.K, q.K
		for _, r := range runs[from:to] {
			n, kinds := r.doc.dimension, l.scriptsOf(r.doc.id, r.doc.gen)
			for i := r.from; i < r.to; i++ {
				kind := latin
				if i < len(kinds) {
					kind = kinds[i]
				}
				score := float64(vek32.Dot(r.doc.vectors[i*n:(i+1)*n], q.Vector))
				spreads[w][kind].add(score)
				if !best[kind][w].hopeless(score) {
					best[kind][w].offer(scored{score: score, document: r.doc.id, gen: r.doc.gen, ordinal: i})
				}
			}
		}
	})
	var f found2
	for kind := range f.best {
		f.best[kind] = merge(best[kind], q.K)
		for _, s := range spreads {
			f.spread[kind].join(s[kind])
		}
	}
	return f, err
}
