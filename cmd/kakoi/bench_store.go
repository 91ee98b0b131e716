package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/index"
)

// benchFiles makes a folder for a measurement, to be removed after it, and gives the files to measure with: those that were named,
// or the samples, written below the folder.
func (c *call) benchFiles() (tmp string, paths []string, err error) {
	if tmp, err = os.MkdirTemp("", "kakoi-bench-*"); err != nil {
		return "", nil, fmt.Errorf("make folder: %w", err)
	}
	for _, p := range c.args[1:] {
		paths = append(paths, c.path(p))
	}
	if len(paths) > 0 {
		return tmp, paths, nil
	}
	dir := filepath.Join(tmp, "samples")
	if err := samples(dir); err != nil {
		return "", nil, errors.Join(fmt.Errorf("write samples: %w", err), os.RemoveAll(tmp))
	}
	return tmp, []string{dir}, nil
}

// benchIngest reads and splits files (the samples by default) without storing them.
func benchIngest(ctx context.Context, c *call, o *benchOptions) (err error) {
	tmp, paths, err := c.benchFiles()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	opt := c.program.reading(filepath.Join(tmp, "cache"))
	if err := os.Mkdir(opt.CacheDir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	files, problems, err := ingest.Walk(ctx, paths, opt)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return problems[0].Err
	}
	rounds := o.rounds
	if rounds == 0 {
		rounds = 5
	}
	byKind := map[string][]ingest.File{}
	for _, f := range files {
		byKind[f.Kind] = append(byKind[f.Kind], f)
	}
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		files := byKind[kind]
		var pages, chunks, chars int
		var bytes int64
		seconds, err := timed(ctx, rounds, func() error {
			pages, chunks, chars, bytes = 0, 0, 0, 0
			for _, f := range files {
				_, p, err := ingest.Read(ctx, f.Path, opt)
				if err != nil {
					return err
				}
				parts, err := ingest.Split(p, ingest.Recommended)
				if err != nil {
					return err
				}
				for _, page := range p {
					chars += utf8.RuneCountInString(page.Text)
				}
				pages, chunks, bytes = pages+len(p), chunks+len(parts), bytes+f.Size
			}
			return nil
		})
		if err != nil {
			return err
		}
		s := median(seconds)
		err = c.figures(map[string]any{
			"kind": "ingest", "format": kind, "files": len(files), "pages": pages, "chunks": chunks, "bytes": bytes, "characters": chars,
			"rounds": rounds, "seconds": s, "pages_per_second": float64(pages) / s, "characters_per_second": float64(chars) / s,
			"megabytes_per_second": float64(bytes) / 1e6 / s,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	benchDimension = 384
	benchDocument  = 500 // chunks
)

// benchIndex fills a library in a temporary folder with made-up documents and searches it.
func benchIndex(ctx context.Context, c *call, o *benchOptions) (err error) {
	tmp, err := os.MkdirTemp("", "kakoi-bench-*")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	x, err := index.Open(tmp, index.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	r := rand.New(rand.NewPCG(1, 2))
	start := time.Now()
	n := max(1, o.chunks)
	collection, err := fillMadeUp(ctx, x, r, n, c.newBar())
	if err != nil {
		return err
	}
	filled := time.Since(start).Seconds()
	if err := x.Close(); err != nil {
		return err
	}
	start = time.Now()
	if x, err = index.Open(tmp, index.Options{}); err != nil {
		return err
	}
	opened := time.Since(start).Seconds()
	start = time.Now()
	if _, err := x.Search(ctx, collection.ID, madeUpQuery(r, madeUpEmbedder, true, true)); err != nil {
		return err
	}
	first := time.Since(start).Seconds()
	rounds := o.rounds
	if rounds == 0 {
		rounds = 50
	}
	figures := map[string]any{
		"kind": "index", "chunks": n, "dimension": benchDimension, "rounds": rounds, "disk_bytes": x.DiskBytes(),
		"add_chunks_per_second": float64(n) / filled, "open_seconds": opened, "first_search_seconds": first,
	}
	for name, sides := range map[string][2]bool{"dense_seconds": {true, false}, "lexical_seconds": {false, true}, "search_seconds": {true, true}} {
		seconds, err := timed(ctx, rounds, func() error {
			_, err := x.Search(ctx, collection.ID, madeUpQuery(r, madeUpEmbedder, sides[0], sides[1]))
			return err
		})
		if err != nil {
			return err
		}
		figures[name] = median(seconds)
	}
	return c.figures(figures)
}

// madeUpEmbedder is what made-up vectors are of.
var madeUpEmbedder = core.EmbedderInfo{ID: "0123456789abcdef", Name: "bench", Dimension: benchDimension}

// fillMadeUp adds documents of n chunks in all.
func fillMadeUp(ctx context.Context, x *index.Index, r *rand.Rand, n int, b *bar) (core.Collection, error) {
	collection, err := x.EnsureCollection(ctx, "bench")
	if err != nil {
		return collection, err
	}
	defer b.clear()
	for done := 0; done < n; {
		k := min(benchDocument, n-done)
		if err := addMadeUp(ctx, x, collection.ID, madeUpEmbedder, r, done/benchDocument, k); err != nil {
			return collection, err
		}
		done += k
		b.progress().Report(core.Update{Stage: "store", Done: int64(done), Total: int64(n)})
	}
	return collection, nil
}

func addMadeUp(ctx context.Context, x *index.Index, collection string, info core.EmbedderInfo, r *rand.Rand, number, chunks int) error {
	doc := core.Document{Name: fmt.Sprintf("bench-%d.txt", number), Source: fmt.Sprintf("/bench/%d.txt", number), Kind: "txt", State: core.DocumentReady}
	doc.ID, doc.Pages, doc.SHA256, doc.Embedder = core.DocumentID(doc.Source), 1, fmt.Sprintf("%064d", number), info.ID
	var text strings.Builder
	var parts []core.Chunk
	at := 0
	for i := range chunks {
		t := madeUpText(r, 12)
		n := utf8.RuneCountInString(t)
		parts = append(parts, core.Chunk{Document: doc.ID, Ordinal: i, Page: 1, Start: at, End: at + n, Text: t})
		text.WriteString(t + "\n")
		at += n + 1
	}
	d, err := x.Begin(ctx, collection, doc, []core.Page{{Number: 1, Text: text.String()}}, parts, info)
	if err != nil {
		return err
	}
	missing := d.Missing()
	vectors := make([]core.Vector, len(missing))
	for i := range vectors {
		vectors[i] = madeUpVector(r)
	}
	if err := d.PutVectors(ctx, missing, vectors); err != nil {
		return err
	}
	_, err = d.Commit(ctx)
	return err
}

// madeUpText strings words of a vocabulary of 4,000 together, rarer ones more rarely, in both scripts.
func madeUpText(r *rand.Rand, words int) string {
	var b strings.Builder
	for range words {
		k := int(4000 * math.Pow(r.Float64(), 3))
		if k%2 == 0 {
			b.WriteString(string([]rune{rune(0x4e00 + k), rune(0x4e00 + (k*7)%9000), 'の'}))
		} else {
			fmt.Fprintf(&b, " w%dx ", k)
		}
	}
	return strings.TrimSpace(b.String())
}

func madeUpVector(r *rand.Rand) core.Vector {
	v := make(core.Vector, benchDimension)
	var sum float64
	for i := range v {
		x := r.NormFloat64()
		v[i] = float32(x)
		sum += x * x
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

func madeUpQuery(r *rand.Rand, info core.EmbedderInfo, dense, lexical bool) index.Query {
	q := index.Query{K: 20}
	if dense {
		q.Vector, q.Embedder = madeUpVector(r), info.ID
	}
	if lexical {
		q.Text = madeUpText(r, 5)
	}
	return q
}
