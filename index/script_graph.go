package index

import (
	"maps"
	"slices"
	"sync"

	"github.com/viterin/vek/vek32"

	"kakoi/core"
)

// sampleChunks are the vectors of each script that stand for all that are in a graph.
const sampleChunks = 1000

// graphScripts is a sample of what a graph holds of each script, for questions that are asked in one of them. It is taken again when the graph has
// grown or shrunk by a tenth.
type graphScripts struct {
	mu      sync.Mutex
	size    int          // vectors in the graph when it was taken; 0: not yet
	n       [2]int       // chunks of each script
	vectors [2][]float32 // [samples, dimension]
	means   [2][]float32 // [dimension]
}

// graphBoth adds what a graph finds of both scripts: near the question, and, since a walk goes where the question is and that is among its own
// script, near the question moved from the mean of its own script to that of the other. The caller holds l.mu.
func (x *Index) graphBoth(l *live, g *graph, q Query, f *found2) error {
	asked := scriptOf(q.Asked)
	chunks, vectors, means, err := x.graphSampled(l, g)
	if err != nil {
		return err
	}
	d := len(q.Vector)
	for kind := range vectors {
		var there spread
		for row := range slices.Chunk(vectors[kind], d) {
			there.add(float64(vek32.Dot(row, q.Vector)))
		}
		if there.n > 0 {
			times := float64(chunks[kind]) / there.n
			f.spread[kind].join(spread{times * there.n, times * there.sum, times * there.squares})
		}
	}
	near, err := g.search(q.Vector, q.K)
	if err != nil {
		return err
	}
	if chunks[latin] > 0 && chunks[japanese] > 0 {
		moved := slices.Clone(q.Vector)
		for i := range moved {
			moved[i] += means[1-asked][i] - means[asked][i]
		}
		normalise(moved)
		far, err := g.search(moved, 2*q.K)
		if err == nil {
			err = x.graphScores(g, q.Vector, far)
		}
		if err != nil {
			return err
		}
		near = append(near, far...)
	}
	// Found both ways a chunk has two scores that differ in their last bits, so it need not stand beside itself.
	type place struct {
		document string
		ordinal  int
	}
	met := make(map[place]bool, len(near))
	for _, hit := range near {
		at := place{hit.document, hit.ordinal}
		if met[at] {
			continue
		}
		met[at] = true
		kind := latin
		if kinds := l.scriptsOf(hit.document, hit.gen); hit.ordinal < len(kinds) {
			kind = kinds[hit.ordinal]
		}
		f.best[kind] = append(f.best[kind], hit)
	}
	for kind := range f.best {
		slices.SortFunc(f.best[kind], better)
		f.best[kind] = f.best[kind][:min(q.K, len(f.best[kind]))]
	}
	return nil
}

// graphSampled is the sample: chunks of each script, vectors and means. Searches run beside each other, so nobody writes into what it gives. The caller holds l.mu.
func (x *Index) graphSampled(l *live, g *graph) (chunks [2]int, vectors, means [2][]float32, err error) {
	s := &g.scripts
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := g.x.Len(); s.size == 0 || max(n, s.size)-min(n, s.size) > s.size/10 {
		err = x.graphSample(l, g)
	}
	return s.n, s.vectors, s.means, err
}

// graphSample takes the sample. The caller holds l.mu and g.scripts.mu.
func (x *Index) graphSample(l *live, g *graph) error {
	s := &g.scripts
	s.size, s.n, s.vectors, s.means = 0, [2]int{}, [2][]float32{}, [2][]float32{} // half a sample is none
	docs := slices.SortedFunc(maps.Values(g.docs), func(a, b *graphDoc) int { return compare(a.id, b.id) })
	each := func(yield func(kind script, label uint64)) {
		for _, d := range docs {
			kinds := l.scriptsOf(d.id, d.gen)
			for i := range d.batches {
				kind := latin
				if i < len(kinds) {
					kind = kinds[i]
				}
				yield(kind, d.label(i))
			}
		}
	}
	each(func(kind script, _ uint64) { s.n[kind]++ })
	var labels [2][]uint64
	var met [2]int
	each(func(kind script, label uint64) {
		if met[kind]*sampleChunks/max(s.n[kind], sampleChunks) == len(labels[kind]) {
			labels[kind] = append(labels[kind], label)
		}
		met[kind]++
	})
	d := g.x.Params().Dimension
	for kind := range labels {
		rows, err := x.graphRows(g, labels[kind])
		if err != nil {
			return err
		}
		mean := make([]float32, d)
		for row := range slices.Chunk(rows, d) {
			for i, v := range row {
				mean[i] += v / float32(len(labels[kind]))
			}
		}
		s.vectors[kind], s.means[kind] = rows, mean
	}
	s.size = g.x.Len()
	return nil
}

// graphRows are stored vectors by label. [labels, dimension]
func (x *Index) graphRows(g *graph, labels []uint64) ([]float32, error) {
	d := g.x.Params().Dimension
	halves := make([]byte, 2*d*len(labels))
	if err := x.graphFetch(g)(labels, halves); err != nil {
		return nil, err
	}
	rows := make([]float32, d*len(labels))
	widen(rows, halves)
	return rows, nil
}

// graphScores sets the scores of hits to their cosines with a query.
func (x *Index) graphScores(g *graph, query core.Vector, hits []scored) error {
	labels := make([]uint64, len(hits))
	for i, h := range hits {
		labels[i] = g.docs[h.document].label(h.ordinal)
	}
	rows, err := x.graphRows(g, labels)
	if err != nil {
		return err
	}
	d := len(query)
	for i := range hits {
		hits[i].score = float64(vek32.Dot(rows[i*d:(i+1)*d], query))
	}
	return nil
}
