package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/resources"
)

// busyFor is how long the load of --busy goes on, and then rests.
const busyFor = 10 * time.Second

// benchAdd adds files (the samples by default) to a library in a temporary folder and holds the time left that was shown against
// the time that was then needed; with --busy beside other work that comes and goes.
func benchAdd(ctx context.Context, c *call, o *benchOptions) (err error) {
	tmp, paths, err := c.benchFiles()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	own := *c
	own.data = filepath.Join(tmp, "data")
	if err := os.Mkdir(own.data, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	h, err := c.program.openHost(ctx, &own)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
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
		"times_left_told_after_a_tenth": later, "times_left_within_after_a_tenth": laterWithin, "busy_threads": o.busy,
	}
	if len(at) > 0 {
		figures["first_time_left_after_seconds"], figures["median_told_over_needed"] = at[0].Sub(start).Seconds(), median(ratios)
	}
	return c.figures(figures)
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
