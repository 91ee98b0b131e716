package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
// whether the answers are the same, and how long it would take to add the same passages there with the real embedder, which is measured on a part of them just before and just
// after. A folder of --keep has the capsule and the answers of the library that it was made of: what is there is not made again, so that opening alone can be measured.
func benchCapsule(ctx context.Context, c *call, o *benchOptions) (err error) {
	tmp, err := os.MkdirTemp("", "kakoi-bench-*")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	kept := tmp
	if o.keep != "" {
		kept = c.path(o.keep)
		if err := os.MkdirAll(kept, 0o700); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	}
	file := filepath.Join(kept, fmt.Sprintf("capsule-%d", o.chunks))
	made, err := c.benchKept(ctx, tmp, file, o.chunks)
	if err != nil {
		return err
	}
	figures := map[string]any{"kind": "capsule", "chunks": o.chunks, "link_seconds": made.Link, "export_seconds": made.Export, "capsule_bytes": made.Bytes}
	runtime.GC()
	again, err := c.benchReadd(ctx, filepath.Join(tmp, "before"), o.chunks)
	if err != nil {
		return err
	}
	opened, err := c.benchOpened(ctx, tmp, file, made.Answers, figures)
	if err != nil {
		return err
	}
	after, err := c.benchReadd(ctx, filepath.Join(tmp, "after"), o.chunks)
	if err != nil {
		return err
	}
	again.chunks, again.seconds = again.chunks+after.chunks, again.seconds+after.seconds
	all := again.seconds/float64(again.chunks)*float64(o.chunks) + made.Link
	figures["added_again_chunks"], figures["added_again_seconds"] = again.chunks, again.seconds
	figures["adding_all_again_seconds"], figures["times_faster_than_adding_again"] = all, all/opened
	return c.figures(figures)
}

// benchMade is what a capsule was made with.
type benchMade struct {
	Link, Export float64 // seconds
	Bytes        int64
	Answers      []index.Result
}

// benchKept makes a capsule in a file, with what belongs to it beside it, or reads what is there.
func (c *call) benchKept(ctx context.Context, tmp, file string, chunks int) (made benchMade, err error) {
	text, err := os.ReadFile(file + ".json")
	if err == nil {
		return made, json.Unmarshal(text, &made)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return made, err
	}
	err = c.benchHost(ctx, filepath.Join(tmp, "here"), func(own *call, h *host) error {
		coll, err := h.index.EnsureCollection(ctx, "bench")
		if err != nil {
			return err
		}
		b := c.newBar()
		defer b.clear()
		if err := h.index.Synthesize(ctx, coll.ID, chunks, 1, b.progress()); err != nil {
			return err
		}
		start := time.Now()
		if err := h.index.BuildGraphs(ctx, coll.ID, b.progress()); err != nil {
			return err
		}
		made.Link = time.Since(start).Seconds()
		if made.Answers, err = benchAnswers(ctx, h.index, coll.ID); err != nil {
			return err
		}
		s, err := h.capsule(own).Export(ctx, file, app.CapsuleExport{Passphrase: []byte(benchPassphrase), Replace: true, Listen: b.show})
		made.Export, made.Bytes = s.Seconds, s.Bytes
		return err
	})
	if err != nil {
		return made, err
	}
	if text, err = json.Marshal(made); err == nil {
		err = os.WriteFile(file+".json", text, 0o600)
	}
	return made, err
}

// benchOpened takes a capsule into a new library and asks it what the one that it was made of was asked: in how many seconds.
func (c *call) benchOpened(ctx context.Context, tmp, file string, before []index.Result, figures map[string]any) (opened float64, err error) {
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
	runtime.GC()
	return opened, err
}

// benchAdded is how long it took to add chunks.
type benchAdded struct {
	chunks  int
	seconds float64
}

// benchReadd adds a part of the passages as files, with the real embedder.
func (c *call) benchReadd(ctx context.Context, tmp string, chunks int) (added benchAdded, err error) {
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return added, fmt.Errorf("make folder: %w", err)
	}
	err = c.benchHost(ctx, filepath.Join(tmp, "again"), func(_ *call, h *host) error {
		part := min(chunks, benchReadd/2)
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
		added = benchAdded{s.Chunks, took}
		return nil
	})
	runtime.GC()
	return added, err
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
	return slices.EqualFunc(a, b, func(a, b core.Hit) bool {
		same := a.Modified.Equal(b.Modified) // one of them may have been read from a file, with another time zone's pointer
		a.Modified = b.Modified
		return same && a == b
	})
}
