//go:build torch

package bert

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// Lengths of the texts that Bench embeds, in tokens: those of the figures that others give for this work.
const benchLeast, benchMost = 18, 128

// Bench measures an embedder on texts of 18 to 128 tokens, passages with their prompt, and hands each figure to emit:
// "load"; "matrix", the rate of matrix products of this arithmetic that lie in the cache, or of large ones on a GPU;
// "tokenise"; "encode", of tokens; "embed", both, as it is used; where that is not in fp32, the same texts in "fp32" by libtorch; and
// the peers where a Python is named. The last ones say how our vectors agree with theirs.
func Bench(ctx context.Context, opt BenchOptions, emit func(BenchResult) error) (err error) {
	start := time.Now()
	e, err := Load(ctx, opt.Dir, opt.Load, nil)
	if err != nil {
		return err
	}
	loaded := time.Since(start).Seconds()
	defer func() {
		if cerr := e.Close(); err == nil {
			err = cerr
		}
	}()
	base := BenchResult{Device: e.info.Device, DType: e.model.arithmetic(), Instructions: e.model.instructions()}
	opt.fill(e.dev.CUDA())

	load, matrix := base, base
	load.Name, load.Seconds = "load", loaded
	if err := emit(load); err != nil {
		return err
	}
	matrix.Name = "matrix"
	if matrix.Seconds, matrix.GFLOPPerSecond, err = e.matrixRate(ctx); err != nil {
		return err
	}
	if err := emit(matrix); err != nil {
		return err
	}
	texts, tokenise, err := e.benchTexts(ctx, opt.Texts)
	if err != nil {
		return err
	}
	if err := emit(tokenise); err != nil {
		return err
	}
	encode, err := e.benchEncode(ctx, base, texts, opt.Runs)
	if err != nil {
		return err
	}
	encode.OfMatrix = encode.GFLOPPerSecond / matrix.GFLOPPerSecond
	if err := emit(encode); err != nil {
		return err
	}
	r, vectors, err := e.benchEmbed(ctx, base, texts, opt.Runs)
	if err != nil {
		return err
	}
	r.OfMatrix = r.GFLOPPerSecond / matrix.GFLOPPerSecond
	if err := emit(r); err != nil {
		return err
	}
	if r.DType != "fp32" {
		exact, err := benchExact(ctx, opt, texts, r, vectors)
		if err != nil {
			return err
		}
		if err := emit(exact); err != nil {
			return err
		}
	}
	if opt.Peer == "" {
		return nil
	}
	peers, theirs, err := RunPeer(ctx, opt.Peer, opt.Dir, texts, opt.Runs, opt.Batch, e.info.Device)
	if err != nil {
		return err
	}
	for i, p := range peers {
		p.Tokens, p.TokensPerSecond, p.OfPeer = r.Tokens, float64(r.Tokens)/p.Seconds, r.ChunksPerSecond/p.ChunksPerSecond
		if i == 0 {
			p.agree(vectors, theirs)
		}
		if err := emit(p); err != nil {
			return err
		}
	}
	return nil
}

// benchExact embeds the same texts once more in fp32.
func benchExact(ctx context.Context, opt BenchOptions, texts []string, ours BenchResult, vectors []core.Vector) (r BenchResult, err error) {
	opt.Load.DType = "fp32"
	e, err := Load(ctx, opt.Dir, opt.Load, nil)
	if err != nil {
		return r, err
	}
	defer func() {
		if cerr := e.Close(); err == nil {
			err = cerr
		}
	}()
	r, exact, err := e.benchEmbed(ctx, BenchResult{Device: e.info.Device, DType: "fp32", Instructions: e.model.instructions()}, texts, 1)
	if err != nil {
		return r, err
	}
	r.Name, r.OfPeer = "fp32", ours.ChunksPerSecond/r.ChunksPerSecond
	r.agree(vectors, exact)
	return r, nil
}

// agree says how close our vectors are to others of the same texts, and whether they find the same neighbours.
func (r *BenchResult) agree(ours, theirs []core.Vector) {
	r.CosineLeast = 1
	for i := range ours {
		c := dot(ours[i], theirs[i])
		r.CosineLeast = min(r.CosineLeast, c)
		r.CosineMean += c / float64(len(ours))
	}
	const most = 512 // all pairs are compared
	n := min(len(ours), most)
	same, of := 0, 0
	for i := range n {
		a, b := nearest(ours[:n], i), nearest(theirs[:n], i)
		for _, x := range a {
			of++
			if slices.Contains(b, x) {
				same++
			}
		}
	}
	r.SameTop10 = float64(same) / float64(max(of, 1))
}

// nearest gives the ten vectors nearest to vector i, without itself.
func nearest(v []core.Vector, i int) []int {
	score, order := make([]float64, len(v)), make([]int, 0, len(v))
	for k := range v {
		if k != i {
			score[k] = dot(v[i], v[k])
			order = append(order, k)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	return order[:min(10, len(order))]
}

func dot(a, b core.Vector) float64 {
	s := 0.0
	for i, x := range a {
		s += float64(x) * float64(b[i])
	}
	return s
}

// benchTexts makes n texts of benchLeast to benchMost tokens, and measures how fast they are tokenised.
func (e *Embedder) benchTexts(ctx context.Context, n int) ([]string, BenchResult, error) {
	r := BenchResult{Name: "tokenise", Device: e.info.Device, Texts: n}
	var texts []string
	for seed := uint64(1); len(texts) < n && seed <= 64; seed++ {
		more := SampleTexts(n, seed)
		ws, err := e.reader.readAll(ctx, core.EmbedPassage, 0, more)
		if err != nil {
			return nil, r, err
		}
		count := make([]int, len(more))
		for _, w := range ws {
			count[w.text] += len(w.ids)
		}
		for i, text := range more {
			if count[i] >= benchLeast && count[i] <= benchMost && len(texts) < n {
				texts = append(texts, text)
			}
		}
	}
	r.Texts = len(texts)
	if len(texts) == 0 {
		return nil, r, fmt.Errorf("no text of %d to %d tokens: %w", benchLeast, benchMost, core.ErrUnsupported)
	}
	start := time.Now()
	ws, err := e.reader.readAll(ctx, core.EmbedPassage, 0, texts)
	if err != nil {
		return nil, r, err
	}
	r.Seconds = time.Since(start).Seconds()
	for _, w := range ws {
		r.Tokens += len(w.ids)
	}
	r.ChunksPerSecond, r.TokensPerSecond = float64(len(texts))/r.Seconds, float64(r.Tokens)/r.Seconds
	return texts, r, nil
}

func (o *BenchOptions) fill(cuda bool) {
	if o.Texts <= 0 {
		o.Texts = 256
		if cuda {
			o.Texts = 4096
		}
	}
	if o.Runs <= 0 {
		o.Runs = 3
	}
	if o.Batch <= 0 {
		o.Batch = 32
	}
}

// benchEncode runs the batches of texts that are tokenised already.
func (e *Embedder) benchEncode(ctx context.Context, r BenchResult, texts []string, runs int) (BenchResult, error) {
	r.Name = "encode"
	ws, err := e.reader.readAll(ctx, core.EmbedPassage, 0, texts)
	if err != nil {
		return r, err
	}
	_, most := e.budgets()
	run := func() error {
		out := make([]core.Vector, len(texts))
		for _, b := range batches(ws, most) {
			if err := e.run(ctx, b, out); err != nil {
				return err
			}
		}
		return nil
	}
	if err := run(); err != nil { // once for memory that is taken at the first time
		return r, err
	}
	return e.timed(r, ws, len(texts), runs, run)
}

// benchEmbed embeds texts several times and keeps the best.
func (e *Embedder) benchEmbed(ctx context.Context, r BenchResult, texts []string, runs int) (BenchResult, []core.Vector, error) {
	r.Name = "embed"
	ws, err := e.reader.readAll(ctx, core.EmbedPassage, 0, texts)
	if err != nil {
		return r, nil, err
	}
	if _, err := e.Embed(ctx, core.EmbedPassage, texts[:min(len(texts), 64)]); err != nil {
		return r, nil, err
	}
	var vectors []core.Vector
	r, err = e.timed(r, ws, len(texts), runs, func() error {
		var err error
		vectors, err = e.Embed(ctx, core.EmbedPassage, texts)
		return err
	})
	return r, vectors, err
}

// timed keeps the best of runs of work on windows.
func (e *Embedder) timed(r BenchResult, ws []window, texts, runs int, work func() error) (BenchResult, error) {
	flops := 0.0
	for _, w := range ws {
		n := float64(len(w.ids))
		h, g := float64(e.config.Hidden), float64(e.config.Inner)
		r.Tokens += len(w.ids)
		flops += float64(e.config.Layers) * (n*2*(4*h*h+2*h*g) + 4*n*n*h)
	}
	for range runs {
		start := time.Now()
		if err := work(); err != nil {
			return r, err
		}
		if s := time.Since(start).Seconds(); r.Seconds == 0 || s < r.Seconds {
			r.Seconds = s
		}
	}
	r.Texts = texts
	r.ChunksPerSecond, r.TokensPerSecond = float64(texts)/r.Seconds, float64(r.Tokens)/r.Seconds
	r.GFLOPPerSecond = flops / r.Seconds / 1e9
	return r, nil
}

// matrixRate is the best rate of a matrix product of the model's arithmetic in GFLOP/s, and the seconds it took.
func (e *Embedder) matrixRate(ctx context.Context) (seconds, gflops float64, err error) {
	err = e.dev.Do(ctx, func(s *torch.Scope) error {
		for range 5 {
			start := time.Now()
			flops, err := e.model.products(s)
			if err != nil {
				return fmt.Errorf("matrix product: %w", err)
			}
			t := time.Since(start).Seconds()
			if rate := flops / t / 1e9; rate > gflops {
				seconds, gflops = t, rate
			}
		}
		return nil
	})
	return seconds, gflops, err
}
