package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/ingest"
)

const (
	// A file whose time is this near to the time it was read may have been changed again within the same tick.
	settled = 2 * time.Second
)

func decodePlan(e job.Entry) (AddPlan, error) {
	var plan AddPlan
	if e.Kind != addKind {
		return plan, fmt.Errorf("job %s of kind %q: %w", e.ID, e.Kind, core.ErrUnsupported)
	}
	if err := json.Unmarshal(e.Plan, &plan); err != nil {
		return plan, fmt.Errorf("read job %s: %w", e.ID, errors.Join(core.ErrCorrupt, err))
	}
	return plan, nil
}

// adder is one run of Library.Add: a goroutine reads files, the job's own embeds and stores them.
type adder struct {
	*Library
	plan    AddPlan
	opt     AddOptions
	summary Summary

	collection core.Collection
	split      core.SplitSettings
	splitPrint string
	embedder   core.Embedder // once needed
	release    func()        // gives it back; nil before that
	warm       sync.Once
	info       core.EmbedderInfo

	p      core.Progress
	weigh  scale
	files  int // of any kind of end
	pages  int // of files read
	chunks int // of them
	queue  []*draft
	queued int  // chunks without a vector in queue
	pace   pace // how many of them are embedded in one call
	lost   bool // the engine was lost for the document before
	known  *sources
}

// prepared is a file on its way from the reader.
type prepared struct {
	file       ingest.File
	collection string // Collection.ID
	doc        core.Document
	pages      []core.Page
	chunks     []core.Chunk
	old        core.Document // the earlier version in the library, if there is one that is ready
	unchanged  bool
	force      bool // it is stored, whatever the library's version is
	fresh      bool // its chunks were guessed from its size
	weighed    bool // the guess was replaced by what it came to
	left       int  // of that, what is not embedded
	err        error
}

// draft is a document whose text is stored and whose vectors are on their way.
type draft struct {
	prepared
	Draft
	missing []int // ordinals, what is left of them
}

func (a *adder) run(ctx context.Context, p core.Progress) (err error) {
	a.p = p
	p.Report(core.Update{Stage: "walk"})
	read := a.Read
	read.OnSkip = func(string) { a.summary.Skipped++ }
	loops := 0
	read.OnLoop = func(path string, err error) {
		loops++
		a.fail(path, err)
	}
	files, problems, err := ingest.Walk(ctx, a.plan.Paths, read)
	if err != nil {
		return fmt.Errorf("look for files: %w", err)
	}
	for _, problem := range problems {
		a.fail(problem.Path, problem.Err)
	}
	if len(files) == 0 {
		return nil
	}
	a.files = len(files) + len(problems) + loops
	a.split = Split(a.plan.Splitter)
	if a.splitPrint, err = fingerprint(a.split); err != nil {
		return err
	}
	if a.collection, err = a.Store.EnsureCollection(ctx, a.plan.Collection); err != nil {
		return fmt.Errorf("open collection %q: %w", a.plan.Collection, err)
	}
	documents, err := a.Store.Documents(ctx, a.collection.ID)
	if err != nil {
		return fmt.Errorf("list documents of %q: %w", a.plan.Collection, err)
	}
	byID := make(map[string]core.Document, len(documents))
	for _, d := range documents {
		byID[d.ID] = d
	}
	if a.known, err = a.findSources(ctx); err != nil {
		return err
	}
	// What the embedder in use was last seen to be: with it unchanged files need no engine at all.
	a.info, _ = a.Models.KnownEmbedder(ctx)

	known := a.info.ID
	for _, f := range files {
		old, isKnown := byID[core.DocumentID(f.Path)]
		if isKnown && old.State == core.DocumentReady && a.same(prepared{old: old}, known) && untouched(old, f) {
			a.weigh.expectKnown(0)
		} else {
			a.weigh.expect(f.Kind, f.Size)
		}
	}
	return a.work(ctx, func(ctx context.Context, ready chan<- prepared) { a.readAll(ctx, files, byID, known, ready) })
}

// work embeds and stores what a reader, running beside it, sends.
func (a *adder) work(ctx context.Context, read func(context.Context, chan<- prepared)) error {
	inner, stop := context.WithCancel(ctx)
	ready := make(chan prepared, 4)
	go func() {
		defer close(ready)
		read(inner, ready)
	}()
	defer func() {
		stop()
		for range ready { // until the reader has ended
		}
	}()
	err := a.embedAll(ctx, ready)
	if err == nil {
		err = ctx.Err()
	}
	// The earlier versions of what was updated are erased when this returns, however it ends.
	return errors.Join(err, a.Store.Tidy(context.WithoutCancel(ctx)))
}

// embedAll embeds whole batches while files come, and what there is while the reader is busy with a slow one.
func (a *adder) embedAll(ctx context.Context, ready <-chan prepared) error {
	idle := time.NewTimer(0)
	defer idle.Stop()
	for {
		idle.Reset(30 * time.Millisecond)
		var f prepared
		var more bool
		select {
		case f, more = <-ready:
		case <-idle.C:
			if a.queued > 0 {
				if err := a.batch(ctx); err != nil {
					return err
				}
				continue
			}
			f, more = <-ready
		}
		least := a.pace.chunks()
		if more {
			if err := a.take(ctx, f); err != nil {
				return err
			}
		} else {
			least = 1
		}
		for ; a.queued >= least; least = min(least, a.pace.chunks()) {
			if err := a.batch(ctx); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// readAll reads and splits the files in order; ready holds at most one that nobody has taken.
func (a *adder) readAll(ctx context.Context, files []ingest.File, known map[string]core.Document, embedder string, ready chan<- prepared) {
	for _, f := range files {
		if ctx.Err() != nil {
			return
		}
		next := a.prepare(ctx, f, known, embedder)
		if ctx.Err() != nil {
			return
		}
		select {
		case ready <- next:
		case <-ctx.Done():
			return
		}
	}
}

func (a *adder) prepare(ctx context.Context, f ingest.File, known map[string]core.Document, embedder string) prepared {
	old, isKnown := known[core.DocumentID(f.Path)]
	out := prepared{file: f, collection: a.collection.ID}
	if isKnown && old.State == core.DocumentReady {
		out.old = old
	}
	same := a.same(out, embedder)
	out.fresh = !same || !untouched(old, f)
	if same && untouched(old, f) {
		out.unchanged = true
		return out
	}
	a.warm.Do(a.Models.WarmEmbedder) // it loads while the first file is read
	out.doc, out.pages, out.err = ingest.Read(ctx, f.Path, a.Read)
	out.doc.ID, out.doc.Added, out.doc.Split = core.DocumentID(f.Path), time.Now().UTC(), a.splitPrint
	if ctx.Err() == nil {
		place, before := a.collection.ID, old
		if other, moved := a.known.readBefore(out.doc); moved && !isKnown {
			place, before = other.Collection.ID, other.Document
		}
		out.pages, out.err = a.recognised(ctx, place, &out.doc, out.pages, before, out.err)
	}
	if out.err != nil {
		return out
	}
	if same && old.SHA256 == out.doc.SHA256 {
		out.unchanged = true
		return out
	}
	if out.chunks, out.err = ingest.Split(out.pages, a.split); out.err != nil {
		out.err = fmt.Errorf("split %q: %w", f.Path, out.err)
	}
	for i := range out.chunks {
		out.chunks[i].Document = out.doc.ID
	}
	return out
}

// untouched says whether a file looks as it did when it was read.
func untouched(old core.Document, f ingest.File) bool {
	return old.Size == f.Size && old.Modified.Equal(f.ModTime) && old.Added.Sub(f.ModTime) > settled
}

// same says whether the library's version of a file was made as it would be now, its contents apart.
func (a *adder) same(f prepared, embedder string) bool {
	return f.old.ID != "" && f.old.Reason == "" && !ingest.Outdated(f.old.Kind, f.old.Reader) && f.old.Split == a.splitPrint && f.old.Embedder == embedder && embedder != ""
}

// take stores the text of a file, or what became of it.
func (a *adder) take(ctx context.Context, f prepared) error {
	a.report(f.doc.Name)
	switch {
	case f.unchanged:
		a.unchanged(f)
		return nil
	case f.err != nil:
		return a.failed(ctx, f)
	}
	if err := a.needEmbedder(ctx); err != nil {
		return err
	}
	if !f.force && a.splitPrint != "" && a.same(f, a.info.ID) && f.old.SHA256 == f.doc.SHA256 {
		a.unchanged(f)
		return nil
	}
	f.doc.Embedder = a.info.ID
	d, err := a.Store.Begin(ctx, f.collection, f.doc, f.pages, f.chunks, a.info, a.known.of(f)...)
	if err != nil {
		return fmt.Errorf("store text of %q: %w", f.doc.Source, err)
	}
	a.summary.Bytes += f.file.Size
	next := &draft{prepared: f, Draft: d, missing: d.Missing()}
	a.pages, a.chunks = a.pages+len(f.pages), a.chunks+len(f.chunks)
	next.pages = nil
	a.weigh.read(f.file, len(f.chunks), len(next.missing), f.fresh)
	next.weighed = true
	a.report(f.doc.Name) // the time for the rest is counted from here: what came before was looking and loading
	if len(next.missing) == 0 {
		return a.commit(ctx, next)
	}
	a.queue, a.queued = append(a.queue, next), a.queued+len(next.missing)
	return nil
}

// unchanged counts a file that is in already.
func (a *adder) unchanged(f prepared) {
	a.summary.Unchanged++
	a.weigh.drop(f.file, 0, f.fresh)
	a.report(f.doc.Name)
}

// report tells how far it has come.
func (a *adder) report(name string) {
	done, total := a.weigh.state()
	a.p.Report(core.Update{Stage: "embed", Done: done, Total: total, Note: a.note(name)})
	if a.opt.Count != nil {
		a.opt.Count(AddCount{
			Files: a.ended(), Of: a.files, Failed: len(a.summary.Failed), Pages: a.pages, Chunks: a.chunks, Embedded: a.summary.Embedded, Name: name,
		})
	}
}

// ended counts the files that have come to their end.
func (a *adder) ended() int {
	s := &a.summary
	return s.Added + s.Updated + s.Unchanged + s.Pictures + len(s.Failed)
}

// failed remembers a file that cannot be added.
func (a *adder) failed(ctx context.Context, f prepared) error {
	if f.weighed {
		a.weigh.giveUp(f.left)
	} else {
		a.weigh.drop(f.file, f.doc.Chunks, f.fresh)
	}
	var failure Failure
	if isPicture(f) {
		a.summary.Pictures++
		failure = a.told(f.doc.Source, f.err)
	} else {
		failure = a.fail(f.doc.Source, f.err)
	}
	f.doc.State, f.doc.Reason, f.doc.Hint = core.DocumentFailed, failure.Reason, failure.Hint
	f.doc.Chunks, f.doc.Pages = 0, 0
	if err := a.Store.PutFailed(ctx, f.collection, f.doc); err != nil {
		return fmt.Errorf("remember failure of %q: %w", f.doc.Source, err)
	}
	if err := a.replacedOCR(ctx, f.collection, f.doc); err != nil {
		return err
	}
	if err := a.await(ctx, f.collection, f.doc); err != nil {
		return err
	}
	a.Bus.Tell(TopicDocuments)
	return nil
}

// isPicture says whether a file has no text because it is a picture: nobody would call that a failure, least of all of a folder of photos.
func isPicture(f prepared) bool {
	return ingest.IsPicture(f.doc.Kind) && errors.Is(f.err, core.ErrEmpty) && slices.ContainsFunc(f.doc.Findings, func(one core.Finding) bool {
		return one.Readable() || one.What == core.FindingNoOCR
	})
}

// told is the reason of a file in the words for people.
func (a *adder) told(path string, err error) Failure {
	failure := Failure{Path: path, Reason: err.Error()}
	if a.opt.Explain != nil {
		failure.Reason, failure.Hint = a.opt.Explain(err)
	}
	return failure
}

func (a *adder) fail(path string, err error) Failure {
	failure := a.told(path, err)
	slog.Warn("add file", "path", path, "error", err)
	a.summary.Failed = append(a.summary.Failed, failure)
	if a.opt.Failed != nil {
		a.opt.Failed(failure)
	}
	return failure
}

func (a *adder) needEmbedder(ctx context.Context) (err error) {
	if a.embedder != nil {
		return nil
	}
	release := a.Models.holdEmbedder()
	if a.embedder, err = a.Models.Embedder(ctx, a.p); err != nil {
		release()
		return err
	}
	a.release = release
	a.info = a.embedder.Info()
	return nil
}

func (a *adder) commit(ctx context.Context, d *draft) error {
	doc, err := d.CommitLate(ctx)
	if err != nil {
		return fmt.Errorf("store %q: %w", d.doc.Source, err)
	}
	if err := a.replacedOCR(ctx, d.collection, doc); err != nil {
		return err
	}
	a.weigh.end()
	a.known.add(core.Collection{ID: d.collection}, doc)
	a.summary.Pages += doc.Pages
	a.summary.Chunks += doc.Chunks
	if d.old.ID != "" {
		a.summary.Updated++
	} else {
		a.summary.Added++
	}
	a.report(d.doc.Name)
	a.Bus.Tell(TopicDocuments)
	return nil
}

// note says how many files have come to their end, and which one is at work.
func (a *adder) note(name string) string {
	return fmt.Sprintf("%d/%d %s", a.ended(), a.files, name)
}

// fingerprint names split settings: chunks made with others are made again.
func fingerprint(s core.SplitSettings) (string, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("encode split settings: %w", err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8]), nil
}
