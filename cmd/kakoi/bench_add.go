package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/resources"
)

// benchAdd adds files (the samples by default) to a library in a temporary folder and holds the time left that was shown against
// the time that was then needed.
func benchAdd(ctx context.Context, c *call, _ *benchOptions) (err error) {
	tmp, err := os.MkdirTemp("", "kakoi-bench-*")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	paths, err := c.benchPaths(tmp)
	if err != nil {
		return err
	}
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
	within := 0
	var ratios []float64
	for i, st := range told {
		needed := end.Sub(at[i]).Seconds()
		if math.Abs(st.Left.Seconds()-needed) <= max(0.15*needed, 1) {
			within++
		}
		ratios = append(ratios, st.Left.Seconds()/max(needed, 1))
	}
	total := end.Sub(start).Seconds()
	figures := map[string]any{
		"kind": "add", "files": s.Added, "failed": len(s.Failed), "pages": s.Pages, "chunks": s.Chunks, "seconds": total,
		"chunks_per_second": float64(s.Chunks) / total, "times_left_told": len(told), "times_left_within_15_percent_or_a_second": within,
	}
	if len(at) > 0 {
		figures["first_time_left_after_seconds"], figures["median_told_over_needed"] = at[0].Sub(start).Seconds(), median(ratios)
	}
	return c.figures(figures)
}
