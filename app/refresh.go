package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/ingest"
)

const refreshKind = "refresh"

// refreshJob is what an unfinished refresh remembers.
type refreshJob struct {
	Splitter string `json:"splitter,omitempty"` // that documents are split anew with; "": as they are
}

// Refresh gives every document vectors of the embedder in use, and goes on with a Resplit that did not end. The texts come from the library:
// the files may be gone. It is a job like Add: cancel keeps what is done, and what is left goes on with the next Refresh.
func (l *Library) Refresh(ctx context.Context, opt AddOptions) (Summary, error) {
	return l.remake(ctx, refreshJob{}, opt)
}

// Resplit sets the splitter, by name, and splits every document anew that was split by another. Passages whose text stays the same
// keep their vectors. It is a job as Refresh is. core.ErrUsage when there is no such splitter.
func (l *Library) Resplit(ctx context.Context, splitter string, opt AddOptions) (Summary, error) {
	field, _ := settings.FieldOf("splitter")
	set := l.Settings.Get()
	if err := field.Set(&set, splitter); err != nil {
		return Summary{}, err
	}
	return l.remake(ctx, refreshJob{Splitter: splitter}, opt)
}

func (l *Library) remake(ctx context.Context, plan refreshJob, opt AddOptions) (Summary, error) {
	before, splitter, err := l.refreshes(ctx)
	if err != nil {
		return Summary{}, err
	}
	if plan.Splitter == "" {
		plan.Splitter = splitter
	}
	entry, err := l.Log.Begin(ctx, refreshKind, plan)
	if err != nil {
		return Summary{}, fmt.Errorf("refresh vectors: %w", err)
	}
	for _, e := range before { // this one goes on with all of them
		if err := l.Log.Forget(ctx, e); err != nil {
			return Summary{}, errors.Join(err, l.Log.Stop(ctx, entry, false))
		}
	}
	if plan.Splitter != "" && plan.Splitter != l.Settings.Get().Splitter { // after the entry: a kill in between forgets nothing
		if err := l.Settings.Update(func(s *settings.Settings) { s.Splitter = plan.Splitter }); err != nil {
			return Summary{}, errors.Join(err, l.Log.Stop(ctx, entry, true))
		}
	}
	a := &adder{Library: l, opt: opt, summary: Summary{Failed: []Failure{}}}
	return a.start(ctx, []job.Entry{entry}, job.Name{Key: "job.refresh"}, func(ctx context.Context, p core.Progress) error {
		return a.refresh(ctx, p, plan.Splitter)
	})
}

// NeedsRefresh says whether a Refresh or a Resplit was begun and did not end well.
func (l *Library) NeedsRefresh(ctx context.Context) (bool, error) {
	entries, _, err := l.refreshes(ctx)
	return len(entries) > 0, err
}

// refreshes are those that were begun and did not end well, and the splitter that the last of them asks for; "" is none.
func (l *Library) refreshes(ctx context.Context) (entries []job.Entry, splitter string, err error) {
	all, err := l.Log.Entries(ctx)
	if err != nil {
		return nil, "", err
	}
	for _, e := range all {
		if e.Kind != refreshKind || e.Running {
			continue
		}
		var plan refreshJob
		if err := json.Unmarshal(e.Plan, &plan); err == nil && plan.Splitter != "" {
			splitter = plan.Splitter
		}
		entries = append(entries, e)
	}
	return entries, splitter, nil
}

func (a *adder) refresh(ctx context.Context, p core.Progress, splitter string) error {
	a.p = p
	if err := a.needEmbedder(ctx); err != nil {
		return err
	}
	print := ""
	if splitter != "" {
		var err error
		a.split = Split(splitter)
		if print, err = fingerprint(a.split); err != nil {
			return err
		}
	}
	stale, err := a.stale(ctx, a.info.ID, print)
	if err != nil {
		return err
	}
	a.files = len(stale)
	for _, s := range stale {
		a.weigh.expectKnown(s.Document.Chunks)
	}
	return a.work(ctx, func(ctx context.Context, ready chan<- prepared) {
		for _, s := range stale {
			f := a.reload(ctx, s, print)
			select {
			case ready <- f:
			case <-ctx.Done():
				return
			}
		}
	})
}

// reload reads a document from the library as if it were read from its file; print is of the splitter it is split anew with, "" for none.
func (a *adder) reload(ctx context.Context, s StaleDocument, print string) prepared {
	d := s.Document
	f := prepared{file: ingest.File{Path: d.Source, Size: d.Size, ModTime: d.Modified, Kind: d.Kind}, doc: d, old: d, collection: s.Collection.ID}
	if f.pages, f.err = a.Store.Pages(ctx, s.Collection.ID, d.ID); f.err != nil {
		return f
	}
	if print == "" || d.Split == print {
		f.chunks, f.err = a.Store.Chunks(ctx, s.Collection.ID, d.ID)
		return f
	}
	f.doc.Split = print
	if f.chunks, f.err = ingest.Split(f.pages, a.split); f.err != nil {
		f.err = fmt.Errorf("split %q: %w", d.Source, f.err)
	}
	for i := range f.chunks {
		f.chunks[i].Document = d.ID
	}
	return f
}
