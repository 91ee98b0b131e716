package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/index"
	"kakoi/resources"
)

const (
	benchPassphrase = "a passphrase of this bench"
	benchReadd      = 4000 // passages that the real embedder makes again, for the rate of the alternative
	benchQuestions  = 40
)

// benchCapsule makes a collection (made texts and vectors, and its vector index), carries it to another library in a capsule, and asks both the same: how fast it opens,
// whether the answers are the same, and how long it would take to add the same passages there with the real embedder, which is measured on a part of them.
func benchCapsule(ctx context.Context, c *call, o *benchOptions) (err error) {
	tmp, err := os.MkdirTemp("", "kakoi-bench-*")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	file := filepath.Join(tmp, "capsule")
	figures := map[string]any{"kind": "capsule", "chunks": o.chunks}

	var before []index.Result
	err = c.benchHost(ctx, filepath.Join(tmp, "here"), func(own *call, h *host) error {
		coll, err := h.index.EnsureCollection(ctx, "bench")
		if err != nil {
			return err
		}
		b := c.newBar()
		defer b.clear()
		if err := h.index.Synthesize(ctx, coll.ID, o.chunks, 1, b.progress()); err != nil {
			return err
		}
		start := time.Now()
		if err := h.index.BuildGraphs(ctx, coll.ID, b.progress()); err != nil {
			return err
		}
		figures["link_seconds"] = time.Since(start).Seconds()
		if before, err = benchAnswers(ctx, h.index, coll.ID); err != nil {
			return err
		}
		s, err := h.capsule(own).Export(ctx, file, app.CapsuleExport{Passphrase: []byte(benchPassphrase), Listen: b.show})
		figures["export_seconds"], figures["capsule_bytes"] = s.Seconds, s.Bytes
		return err
	})
	if err != nil {
		return err
	}
	runtime.GC()

	var opened float64
	err = c.benchHost(ctx, filepath.Join(tmp, "there"), func(own *call, h *host) error {
		b := c.newBar()
		defer b.clear()
		watched := watchMemory()
		start := time.Now()
		plan, err := h.capsule(own).Import(ctx, file, app.CapsuleImport{Passphrase: []byte(benchPassphrase), OtherEmbedder: true, Listen: b.show})
		if err != nil {
			return err
		}
		figures["import_seconds"] = time.Since(start).Seconds()
		watched().figures(figures)
		waiting, err := h.index.GraphsWanted(ctx, "bench")
		if err != nil {
			return err
		}
		after, err := benchAnswers(ctx, h.index, "bench")
		if err != nil {
			return err
		}
		opened = time.Since(start).Seconds()
		same := 0
		for i := range after {
			if sameHits(before[i].Dense, after[i].Dense) && sameHits(before[i].Lexical, after[i].Lexical) {
				same++
			}
		}
		figures["documents"], figures["vectors_to_link_again"] = len(plan.New), waiting
		figures["opened_and_asked_seconds"], figures["questions"], figures["questions_answered_the_same"] = opened, len(after), same
		return nil
	})
	if err != nil {
		return err
	}
	runtime.GC()

	return errors.Join(c.benchReadd(ctx, tmp, o.chunks, opened, figures), c.figures(figures))
}

// benchReadd adds a part of the passages as files, with the real embedder, and says what all of them would take.
func (c *call) benchReadd(ctx context.Context, tmp string, chunks int, opened float64, figures map[string]any) error {
	return c.benchHost(ctx, filepath.Join(tmp, "again"), func(_ *call, h *host) error {
		part := min(chunks, benchReadd)
		docs := filepath.Join(tmp, "docs")
		if err := writePassages(ctx, h.index, docs, part); err != nil {
			return err
		}
		if _, err := h.models.Embedder(ctx, nil); err != nil { // its load is another figure (bench load)
			return err
		}
		b := c.newBar()
		defer b.clear()
		start := time.Now()
		s, err := h.library.Add(ctx, app.AddPlan{Paths: []string{docs}}, app.AddOptions{
			Explain: func(err error) (string, string) { return resources.ErrorText(c.lang, err) }, Listen: func(st job.State) { b.show(st) },
		})
		if err != nil {
			return err
		}
		took := time.Since(start).Seconds()
		if s.Chunks == 0 {
			return fmt.Errorf("nothing was added: %w", core.ErrEmpty)
		}
		link, _ := figures["link_seconds"].(float64)
		all := took/float64(s.Chunks)*float64(chunks) + link
		figures["added_again_chunks"], figures["added_again_seconds"] = s.Chunks, took
		figures["adding_all_again_seconds"] = all
		figures["times_faster_than_adding_again"] = all / opened
		return nil
	})
}

// writePassages makes files with so many passages' worth of made text.
func writePassages(ctx context.Context, x *index.Index, dir string, n int) error {
	coll, err := x.EnsureCollection(ctx, "made")
	if err != nil {
		return err
	}
	if err := x.Synthesize(ctx, coll.ID, n, 2, nil); err != nil {
		return err
	}
	docs, err := x.Documents(ctx, coll.ID)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, d := range docs {
		pages, err := x.Pages(ctx, coll.ID, d.ID)
		if err != nil {
			return err
		}
		var text strings.Builder
		for _, p := range pages {
			text.WriteString(p.Text)
		}
		if err := os.WriteFile(filepath.Join(dir, d.ID+".txt"), []byte(text.String()), 0o600); err != nil {
			return err
		}
	}
	return x.RemoveCollection(ctx, coll.ID)
}

// benchHost opens a library in a folder for a while.
func (c *call) benchHost(ctx context.Context, data string, fn func(own *call, h *host) error) (err error) {
	own := *c
	own.data = data
	if err := os.Mkdir(own.data, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	h, err := own.program.openHost(ctx, &own)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	return fn(&own, h)
}

// benchAnswers asks with passages of some documents: by their vectors and by their words.
func benchAnswers(ctx context.Context, x *index.Index, coll string) (out []index.Result, err error) {
	docs, err := x.Documents(ctx, coll)
	if err != nil {
		return nil, err
	}
	for i := range min(benchQuestions, len(docs)) {
		chunk, vector, embedder, err := x.Sample(ctx, coll, docs[i*len(docs)/min(benchQuestions, len(docs))].ID)
		if err != nil {
			return nil, err
		}
		r, err := x.Search(ctx, coll, index.Query{Text: chunk.Text, Vector: vector, Embedder: embedder, K: 20})
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func sameHits(a, b []core.Hit) bool {
	return slices.EqualFunc(a, b, func(a, b core.Hit) bool { return a == b })
}
