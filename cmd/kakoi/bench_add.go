package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/resources"
)

// peerPages is about how many pages the peer gets: enough for a minute or more of two processors.
const peerPages = 100

// busyFor is how long the load of --busy goes on, and then rests.
const busyFor = 10 * time.Second

// benchAdd adds files (the samples, or with --pages documents made for it) to a library in a temporary folder: how fast that is, what the
// two processes hold, and whether the time left that was shown was the time that was then needed. With --busy beside other work that comes and
// goes; with --peer beside the usual Python libraries, which get a part of the made documents, of every kind; with --hashes without a model.
func benchAdd(ctx context.Context, c *call, o *benchOptions) (err error) {
	if o.peer != "" && (o.pages == 0 || o.hashes) {
		return core.Explain(fmt.Errorf("bench add --peer without pages of a model: %w", core.ErrUsage), "error.bench.peer")
	}
	tmp, paths, err := c.benchFiles()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	var made []string
	if o.pages > 0 {
		k := corpus{dir: filepath.Join(tmp, "made"), fonts: filepath.Join(c.program.home, "fonts")}
		if made, err = k.write(ctx, o.pages); err != nil {
			return err
		}
		paths = []string{k.dir}
	}
	peerRate := 0.0
	if o.peer != "" {
		share := max(1, o.pages/peerPages)
		some := sampleOf(made, share)
		if peerRate, err = peerAdd(ctx, c, o, some, len(some)*corpusPages); err != nil {
			return err
		}
	}
	own := *c
	if o.hashes {
		with := *c.program
		with.engine, own.program = startHashes, &with
	}
	own.data = filepath.Join(tmp, "data")
	if err := os.Mkdir(own.data, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	debug.FreeOSMemory() // of making documents
	watched := watchMemory()
	h, err := own.program.openHost(ctx, &own)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if o.threads > 0 {
		if err := h.settings.Update(func(s *settings.Settings) { s.Threads = o.threads }); err != nil {
			return err
		}
	}
	if _, err := h.models.Embedder(ctx, nil); err != nil { // its load is another figure (bench load)
		return err
	}
	var told []job.State
	var at []time.Time
	b := c.newBar()
	stop := keepBusy(o.busy)
	defer stop()
	start := time.Now()
	s, err := h.library.Add(ctx, app.AddPlan{Paths: paths}, app.AddOptions{
		Explain: func(err error) (sentence, hint string) { return resources.ErrorText(c.lang, err) },
		Listen: func(st job.State) {
			b.show(st)
			if st.Left > 0 {
				told, at = append(told, st), append(at, time.Now())
			}
		},
	})
	if err != nil {
		return err
	}
	end := time.Now()
	held := watched()
	var ratios []float64
	within, later, laterWithin := 0, 0, 0 // later: after the first tenth of the time
	for i, st := range told {
		needed := end.Sub(at[i]).Seconds()
		near := math.Abs(st.Left.Seconds()-needed) <= max(0.15*needed, 1)
		late := at[i].Sub(start) > end.Sub(start)/10
		if near {
			within++
		}
		if late {
			later++
		}
		if near && late {
			laterWithin++
		}
		ratios = append(ratios, st.Left.Seconds()/max(needed, 1))
	}
	total := end.Sub(start).Seconds()
	figures := map[string]any{
		"kind": "add", "files": s.Added, "failed": len(s.Failed), "pages": s.Pages, "chunks": s.Chunks, "seconds": total,
		"chunks_per_second": float64(s.Chunks) / total, "times_left_told": len(told), "times_left_within_15_percent_or_a_second": within,
		"times_left_told_after_a_tenth": later, "times_left_within_after_a_tenth": laterWithin, "busy_threads": o.busy, "hashes_for_vectors": o.hashes,
	}
	held.figures(figures)
	if alone, err := embedAlone(ctx, h); err != nil {
		return err
	} else if alone > 0 {
		figures["embedding_alone_chunks_per_second"] = alone
	}
	if o.pages > 0 {
		figures["pages_made"], figures["pages_per_second"] = o.pages, float64(o.pages)/total
	}
	if peerRate > 0 {
		figures["times_the_rate_of_python"] = float64(o.pages) / total / peerRate
	}
	if len(at) > 0 {
		figures["first_time_left_after_seconds"], figures["median_told_over_needed"] = at[0].Sub(start).Seconds(), median(ratios)
	}
	return c.figures(figures)
}

// embedAlone has passages of the library embedded once more, with nothing beside it, and gives how many a second at best: what an add could
// come to if reading and storing cost nothing.
func embedAlone(ctx context.Context, h *host) (float64, error) {
	const most = 1024
	all, err := h.index.Collections(ctx)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	documents, err := h.index.Documents(ctx, all[0].ID)
	if err != nil {
		return 0, err
	}
	var texts []string
	for i := 0; i < len(documents) && len(texts) < most; i += max(1, len(documents)/20) { // some of every kind
		chunks, err := h.index.Chunks(ctx, all[0].ID, documents[i].ID)
		if err != nil {
			return 0, err
		}
		for _, c := range chunks {
			texts = append(texts, c.Text)
		}
	}
	e, err := h.models.Embedder(ctx, nil)
	if err != nil || len(texts) == 0 {
		return 0, err
	}
	texts = texts[:min(len(texts), most)]
	best := 0.0
	for range 3 { // the machine has other work, too
		start := time.Now()
		if _, err := e.Embed(ctx, core.EmbedPassage, texts); err != nil {
			return 0, err
		}
		best = max(best, float64(len(texts))/time.Since(start).Seconds())
	}
	return best, nil
}

// keepBusy computes in n threads of this process, beside the engine's own, for a while, rests as long, and so on, until stop.
func keepBusy(n int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(before + n) // they take processors from this program, not places of its goroutines
	var work sync.WaitGroup
	for range n {
		work.Go(func() {
			for x := uint64(1); ctx.Err() == nil; pause(ctx, busyFor) {
				for end := time.Now().Add(busyFor); time.Now().Before(end) && ctx.Err() == nil; {
					for range 100_000 {
						x = x*6364136223846793005 + 1442695040888963407
					}
				}
			}
		})
	}
	return func() {
		cancel()
		work.Wait()
		runtime.GOMAXPROCS(before)
	}
}
