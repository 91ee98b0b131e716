package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/ingest"
)

// AddPlan says what to add. It is what an unfinished job remembers.
type AddPlan struct {
	Collection string   `json:"collection"` // name
	Paths      []string `json:"paths"`      // absolute
	Splitter   string   `json:"splitter"`   // of settings.Splitters; "" is the one that is set
}

// AddOptions say who hears of it.
type AddOptions struct {
	Listen  func(job.State)                     // nil is allowed
	Explain func(error) (sentence, hint string) // what is remembered of a file that failed
	Failed  func(Failure)                       // hears of each failure at once; nil is allowed
	Count   func(AddCount)                      // hears of how far it has come, often; nil is allowed; must return at once
}

// AddCount is how far an add has come.
type AddCount struct {
	Files    int // that have come to their end, of any kind
	Of       int // files in all; 0 while they are being looked for
	Failed   int
	Pages    int // of the files that were read
	Chunks   int // of them
	Embedded int // chunks whose vectors were computed in this run
	Name     string
}

// Failure is a file that could not be added, and why.
type Failure struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Hint   string `json:"hint"`
}

// Summary is what an add did, also when it was cancelled.
type Summary struct {
	Collection string    `json:"collection"`
	Added      int       `json:"added"`
	Updated    int       `json:"updated"`
	Unchanged  int       `json:"unchanged"`
	Skipped    int       `json:"skipped"`  // files of other kinds inside the folders
	Pictures   int       `json:"pictures"` // files that are pictures, without text: they are listed, and text recognition may read them
	Failed     []Failure `json:"failed"`
	Pages      int       `json:"pages"`    // of the documents added and updated
	Chunks     int       `json:"chunks"`   // of them
	Embedded   int       `json:"embedded"` // of them, those whose vectors were computed anew
	Bytes      int64     `json:"bytes"`    // of the files read
	Seconds    float64   `json:"seconds"`
	Cancelled  bool      `json:"cancelled"`
}

const addKind = "add"

// Split are the settings of a splitter by name.
func Split(name string) core.SplitSettings {
	if name == settings.Splitters[1] {
		return ingest.TECHLab
	}
	return ingest.Recommended
}

// Add reads files and folders into a collection. Files that are in already and have not changed are passed over; a file that
// fails is remembered with its reason and the rest goes on. Cancelling ends after the current batch and keeps what is done.
// Until it has ended well the plan is an unfinished job.
//
// Errors: core.ErrNoSpace, core.ErrEngine (lost and lost again), core.ErrNoModel, core.ErrNoDevice, core.ErrOutOfMemory and those of
// the store; the Summary says what was done until then.
func (l *Library) Add(ctx context.Context, plan AddPlan, opt AddOptions) (Summary, error) {
	if len(plan.Paths) == 0 {
		return Summary{}, core.Explain(fmt.Errorf("add: no paths: %w", core.ErrUsage), "error.add.nothing")
	}
	if plan.Splitter == "" {
		plan.Splitter = l.Settings.Get().Splitter
	}
	if plan.Collection == "" {
		plan.Collection = DefaultCollection
	}
	var entries []job.Entry
	for _, part := range plan.portions() {
		entry, err := l.Log.Begin(ctx, addKind, part)
		if err != nil {
			for _, begun := range entries {
				err = errors.Join(err, l.Log.Stop(ctx, begun, false))
			}
			return Summary{}, fmt.Errorf("add: %w", err)
		}
		entries = append(entries, entry)
	}
	a := &adder{Library: l, plan: plan, opt: opt, summary: Summary{Collection: plan.Collection, Failed: []Failure{}}}
	return a.start(ctx, entries, job.Name{Key: "job.add", Note: filepath.Base(plan.Paths[0])}, a.run)
}

// portions cuts a plan into such as fit a record: 5,000 dropped files with long names may not.
func (p AddPlan) portions() []AddPlan {
	const most = 400 << 10 // bytes of paths; JSON writes some characters longer
	var out []AddPlan
	size := most
	for _, path := range p.Paths {
		if size += len(path) + 3; size > most {
			out = append(out, AddPlan{Collection: p.Collection, Splitter: p.Splitter})
			size = len(path) + 3
		}
		last := &out[len(out)-1]
		last.Paths = append(last.Paths, path)
	}
	return out
}

// start runs the job of entries of the log to its end.
func (a *adder) start(ctx context.Context, entries []job.Entry, name job.Name, work job.Work) (Summary, error) {
	start := time.Now()
	defer frugal()()
	j := a.Jobs.Start(ctx, name, work, a.opt.Listen)
	err := j.Wait(context.Background()) // a cancelled job ends soon, and in order
	if a.release != nil {
		a.release()
	}
	a.summary.Seconds = time.Since(start).Seconds()
	a.summary.Cancelled = errors.Is(err, context.Canceled)
	well := err == nil
	for _, entry := range entries {
		err = errors.Join(err, a.Log.Stop(ctx, entry, well))
	}
	a.Bus.Tell(TopicDocuments)
	return a.summary, err
}

// Unfinished lists the adds that were begun and did not end well, oldest first.
func (l *Library) Unfinished(ctx context.Context) ([]job.Entry, []AddPlan, error) {
	entries, err := l.Log.Entries(ctx)
	if err != nil {
		return nil, nil, err
	}
	var adds []job.Entry
	var plans []AddPlan
	for _, e := range entries {
		if plan, err := decodePlan(e); err == nil {
			adds, plans = append(adds, e), append(plans, plan)
		}
	}
	return adds, plans, nil
}
