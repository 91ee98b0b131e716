package index

import (
	"context"
	"slices"

	"github.com/viterin/vek/vek32"
)

// said is how the words of a question stand in the passages of a script.
type said struct {
	best []scored             // those with most of them, best first
	of   map[string][]float64 // by document, of its chunks: the sum of the weights of the words there; a document without any is not there
}

// sum is a chunk's.
func (s *said) sum(of scored) float64 {
	if sums := s.of[of.document]; of.ordinal < len(sums) {
		return sums[of.ordinal]
	}
	return 0
}

// said looks for words in the passages of a script, and for the k that have most of them. A word weighs as in BM25. The caller holds l.mu.
func (l *live) said(ctx context.Context, words []concept, in script, k int) (*said, error) {
	docs := l.lexical.docs
	with := make([][][]int, len(docs)) // [document][word] chunks that have it
	n := make([]int, len(docs))        // chunks of the script
	err := parallel(ctx, split(len(docs)), func(_, from, to int) {
		for i, d := range docs[from:to] {
			with[from+i], n[from+i] = d.having(words, in)
		}
	})
	if err != nil {
		return nil, err
	}
	all := 0
	for _, n := range n {
		all += n
	}
	weights := make([]float64, len(words))
	for w := range words {
		have := 0
		for i := range docs {
			have += len(with[i][w])
		}
		weights[w] = inverse(all, have)
	}
	out := &said{of: map[string][]float64{}}
	best := top{k: k}
	for i, d := range docs {
		var sums []float64
		for w, chunks := range with[i] {
			for _, c := range chunks {
				if sums == nil {
					sums = make([]float64, d.chunks)
					out.of[d.id] = sums
				}
				sums[c] += weights[w]
			}
		}
		for c, sum := range sums {
			if sum > 0 {
				best.offer(scored{score: sum, document: d.id, gen: d.gen, ordinal: c})
			}
		}
	}
	out.best = merge([]top{best}, k)
	return out, nil
}

// drawn is what has most of the words in a script and is not among what was found there yet, with its cosines. What has no vectors of the question's embedder is left out. The
// caller holds l.mu.
func (x *Index) drawn(l *live, q Query, s *said, found []scored) ([]scored, error) {
	g := l.graphs[q.Embedder]
	var out, ofGraph []scored
	for _, b := range s.best {
		if slices.ContainsFunc(found, func(f scored) bool { return f.document == b.document && f.ordinal == b.ordinal }) {
			continue
		}
		if g != nil && g.docs[b.document] != nil {
			if g.docs[b.document].gen == b.gen {
				ofGraph = append(ofGraph, b)
			}
			continue
		}
		at, ok := slices.BinarySearchFunc(l.dense.docs, b.document, func(d *denseDoc, id string) int { return compare(d.id, id) })
		if !ok {
			continue
		}
		if d := l.dense.docs[at]; d.gen == b.gen && d.embedder == q.Embedder {
			b.score = float64(vek32.Dot(d.vectors[b.ordinal*d.dimension:(b.ordinal+1)*d.dimension], q.Vector))
			out = append(out, b)
		}
	}
	if len(ofGraph) > 0 {
		if err := x.graphScores(g, q.Vector, ofGraph); err != nil {
			return nil, err
		}
	}
	return append(out, ofGraph...), nil
}

// having gives for each word the chunks of a script that have it, and how many chunks the script has.
func (d *lexicalDoc) having(words []concept, in script) (with [][]int, n int) {
	with = make([][]int, len(words))
	kinds := d.scripts()
	if n = d.script.n[in]; n == 0 {
		return with, 0
	}
	for i := range d.segments {
		s := &d.segments[i]
		for w, word := range words {
			for _, c := range s.having(word) {
				if kinds[s.first+c] == in {
					with[w] = append(with[w], s.first+c)
				}
			}
		}
	}
	return with, n
}

// having are the chunks of a segment that have a form of a word, all of its terms; ascending.
func (s *segment) having(word concept) (out []int) {
	type list struct {
		n        int
		postings []byte
	}
	for _, f := range word {
		lists := make([]list, 0, len(f))
		for _, hash := range f {
			n, postings := s.find(hash)
			if n == 0 {
				break
			}
			lists = append(lists, list{n, postings})
		}
		if len(lists) < len(f) {
			continue
		}
		slices.SortFunc(lists, func(a, b list) int { return a.n - b.n }) // the rarest first: what it lacks is not looked for
		var all []int
		for i, l := range lists {
			at := 0
			kept := all[:0]
			s.each(l.n, l.postings, func(chunk int, _ float64) {
				if i == 0 {
					kept = append(kept, chunk)
					return
				}
				for at < len(all) && all[at] < chunk {
					at++
				}
				if at < len(all) && all[at] == chunk {
					kept = append(kept, chunk)
				}
			})
			if all = kept; len(all) == 0 {
				break
			}
		}
		out = append(out, all...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
