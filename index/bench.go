package index

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"kakoi/core"
)

// Figure is one measurement of Bench.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// BenchEmbedder is the embedder of Synthesize's vectors: e5's width.
var BenchEmbedder = core.EmbedderInfo{ID: "benchbenchbench0", Name: "synthetic", Dimension: 384}

// benchDocumentChunks is the size of a synthetic document: about twenty pages.
const benchDocumentChunks = 200

// Synthesize adds documents of Japanese-like text and clustered unit vectors to a collection, chunks of them in all.
// The same seed gives the same library.
func (x *Index) Synthesize(ctx context.Context, coll string, chunks int, seed uint64, progress core.Progress) error {
	s := synth{r: rand.New(rand.NewPCG(seed, 1))}
	for done := 0; done < chunks; {
		n := min(benchDocumentChunks, chunks-done)
		if err := s.add(ctx, x, coll, fmt.Sprintf("/bench/%d/%06d.txt", seed, done), n); err != nil {
			return err
		}
		done += n
		progress.Report(core.Update{Stage: "write", Done: int64(done), Total: int64(chunks)})
	}
	return nil
}

// synth makes texts whose characters follow Zipf's law, and vectors around a few hundred centres.
type synth struct {
	r       *rand.Rand
	zipf    *rand.Zipf
	centres []core.Vector
}

func (s *synth) text(n int) string {
	if s.zipf == nil {
		s.zipf = rand.NewZipf(s.r, 1.1, 8, 2500)
	}
	out := make([]rune, 0, n+12)
	for len(out) < n {
		switch c := s.zipf.Uint64(); {
		case c < 60: // the commonest are hiragana
			out = append(out, rune(0x3042+c))
		case s.r.IntN(200) == 0:
			out = append(out, []rune(fmt.Sprintf("AB-%04d", s.r.IntN(10000)))...)
		default:
			out = append(out, rune(0x4e00+c))
		}
	}
	return string(out[:n])
}

// vector is a unit vector near a centre.
func (s *synth) vector(dimension int) core.Vector {
	if s.centres == nil {
		for range 300 {
			s.centres = append(s.centres, normalise(s.noise(dimension)))
		}
	}
	centre, v := s.centres[s.r.IntN(len(s.centres))], s.noise(dimension)
	for i := range v {
		v[i] = centre[i] + 0.8*v[i]/float32(math.Sqrt(float64(dimension)))
	}
	return normalise(v)
}

func (s *synth) noise(dimension int) core.Vector {
	v := make(core.Vector, dimension)
	for i := range v {
		v[i] = float32(s.r.NormFloat64())
	}
	return v
}

func normalise(v core.Vector) core.Vector {
	sum := 0.0
	for _, f := range v {
		sum += float64(f) * float64(f)
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range v {
		v[i] *= scale
	}
	return v
}

func (s *synth) add(ctx context.Context, x *Index, coll, source string, n int) error {
	const size, overlap = 150, 20
	text := []rune(s.text(n*(size-overlap) + overlap))
	page := core.Page{Number: 1, Text: string(text)}
	chunks := make([]core.Chunk, n)
	for i := range chunks {
		start := i * (size - overlap)
		chunks[i] = core.Chunk{Page: 1, Start: start, End: start + size, Text: string(text[start : start+size])}
	}
	sum := sha256.Sum256([]byte(page.Text))
	doc := core.Document{
		ID: core.DocumentID(source), Name: source[len(source)-10:], Source: source, Kind: "txt",
		SHA256: hex.EncodeToString(sum[:]), Size: int64(len(page.Text)), Added: time.Unix(0, 0).UTC(),
	}
	d, err := x.Begin(ctx, coll, doc, []core.Page{page}, chunks, BenchEmbedder)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(d.Missing(), 64) {
		vecs := make([]core.Vector, len(batch))
		for i := range vecs {
			vecs[i] = s.vector(BenchEmbedder.Dimension)
		}
		if err := d.PutVectors(ctx, batch, vecs); err != nil {
			return err
		}
	}
	_, err = d.Commit(ctx)
	return err
}

// Bench makes a library of n chunks in the empty folder dir and measures it: adding, opening with Stats, the first
// search (which loads) and warm searches of both kinds, verifying. emit gets each figure as it is known.
func Bench(ctx context.Context, dir string, n int, emit func(Figure) error) error {
	b := bench{emit: func(f Figure) error { return errors.Join(ctx.Err(), emit(f)) }}
	x, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	defer func() { _ = x.Close() }()
	c, err := x.EnsureCollection(ctx, "bench")
	if err != nil {
		return err
	}
	b.rate("add", "chunks/s", n, func() error { return x.Synthesize(ctx, c.ID, n, 1, nil) })
	b.once("close", func() error { return x.Close() })
	b.once("open and stats", func() error {
		if x, err = Open(dir, Options{}); err != nil {
			return err
		}
		_, err := x.Stats(ctx, c.ID)
		return err
	})
	if b.err != nil {
		return b.err
	}
	s := synth{r: rand.New(rand.NewPCG(2, 2))}
	dense := func() error {
		_, err := x.Search(ctx, c.ID, Query{Vector: s.vector(BenchEmbedder.Dimension), Embedder: BenchEmbedder.ID, K: 20})
		return err
	}
	lexical := func() error {
		_, err := x.Search(ctx, c.ID, Query{Text: s.text(14), K: 20})
		return err
	}
	s.vector(BenchEmbedder.Dimension) // the centres are not part of the search
	b.once("first dense search", dense)
	b.many("dense search", dense)
	b.once("first lexical search", lexical)
	b.many("lexical search", lexical)
	b.once("verify", func() error {
		problems, err := x.Verify(ctx, nil)
		if err == nil && len(problems) > 0 {
			err = fmt.Errorf("%w: %w", core.ErrCorrupt, problems[0].Err)
		}
		return err
	})
	if b.err == nil {
		b.err = emit(Figure{"on disk", float64(x.DiskBytes()) / 1e6, "MB"})
	}
	return b.err
}

// bench measures until something fails.
type bench struct {
	emit func(Figure) error
	err  error
}

func (b *bench) time(fn func() error) time.Duration {
	if b.err != nil {
		return 0
	}
	start := time.Now()
	b.err = fn()
	return time.Since(start)
}

func (b *bench) put(f Figure) {
	if b.err == nil {
		b.err = b.emit(f)
	}
}

func (b *bench) once(name string, fn func() error) {
	b.put(Figure{name, b.time(fn).Seconds() * 1000, "ms"})
}

func (b *bench) rate(name, unit string, n int, fn func() error) {
	b.put(Figure{name, float64(n) / b.time(fn).Seconds(), unit})
}

func (b *bench) many(name string, fn func() error) {
	const times = 20
	took := b.time(func() error {
		for range times {
			if err := fn(); err != nil {
				return err
			}
		}
		return nil
	})
	b.put(Figure{name, took.Seconds() * 1000 / times, "ms"})
}
