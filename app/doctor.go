package app

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/closed"
	"kakoi/core/engine"
	"kakoi/index"
)

// Doctor examines an installation. Both faces of the program show what it finds.
type Doctor struct {
	Library *Library
	Models  *Models
	Engine  *Engine
	Jobs    *job.Runner
	Store   Verifier
	Mend    Mender       // for repairs
	Backups *Backups     // for repairs; nil: nothing comes from a backup
	Proof   closed.Proof // of this process
	Version string
	Data    string                 // data folder
	Explain func(err error) string // one sentence for people
	Text    func(key string) string
}

// Verifier reads every value of a store.
type Verifier interface {
	Verify(ctx context.Context, p core.Progress) ([]index.Problem, error)
	Files() index.Files
}

// Health is what the Doctor found. It is `kakoi doctor --json`; field names are stable.
type Health struct {
	OK      bool          `json:"ok"`
	Version string        `json:"version"`
	Go      string        `json:"go"`
	Data    string        `json:"data"`
	Closed  closed.Proof  `json:"closed"` // of this process; the engine's is in engine.status.proof
	Library LibraryHealth `json:"library"`
	Engine  EngineHealth  `json:"engine"`
	Models  []ModelHealth `json:"models"`
}

// LibraryHealth is what a look at every value of the store came to.
type LibraryHealth struct {
	OK         bool      `json:"ok"`
	Documents  int       `json:"documents"`
	Chunks     int       `json:"chunks"`
	Problems   []Problem `json:"problems"`
	Unfinished int       `json:"unfinished"` // documents that the next add goes on with

	Files index.Files `json:"files"` // that are open, and may be
	Error string      `json:"error,omitempty"`
}

// Problem is damage of one document, or of something without a name.
type Problem struct {
	Document string `json:"document"`
	Cause    string `json:"cause"`
}

// EngineHealth is what the engine process tells of itself, and its self-test.
type EngineHealth struct {
	OK     bool           `json:"ok"`
	Status *engine.Status `json:"status,omitempty"`
	Reason string         `json:"libraries_reason,omitempty"` // for people
	Checks []engine.Check `json:"checks"`
	Error  string         `json:"error,omitempty"`
}

// ModelHealth is a model whose files were all read.
type ModelHealth struct {
	Model
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// Examine looks at everything. Its error is the end of ctx, or that nothing could be looked at: what is wrong is in the Health.
func (d *Doctor) Examine(ctx context.Context, device string, p core.Progress) (Health, error) {
	h := Health{Version: d.Version, Go: runtime.Version(), Data: d.Data, Closed: d.Proof, Models: []ModelHealth{}}
	var err error
	if h.Library, err = d.library(ctx, p); err != nil {
		return h, err
	}
	if h.Models, err = d.models(ctx, p); err != nil {
		return h, err
	}
	if h.Engine, err = d.engine(ctx, device, p); err != nil {
		return h, err
	}
	h.OK = h.Library.OK && h.Engine.OK && Refused(h.Closed)
	for _, m := range h.Models {
		h.OK = h.OK && m.OK
	}
	return h, nil
}

// Refused says whether every attempt of a proof to reach a network was refused, and there were some.
func Refused(p closed.Proof) bool { return len(p.Attempts) > 0 && p.Refusals() == len(p.Attempts) }

// CheckLibrary reads every value of the library, as a job.
func (d *Doctor) CheckLibrary(ctx context.Context, listen func(job.State)) (LibraryHealth, error) {
	var h LibraryHealth
	j := d.Jobs.Start(ctx, job.Name{Key: "job.check"}, func(ctx context.Context, p core.Progress) (err error) {
		h, err = d.library(ctx, p)
		return err
	}, listen)
	err := j.Wait(context.Background())
	return h, err
}

func (d *Doctor) library(ctx context.Context, p core.Progress) (LibraryHealth, error) {
	h := LibraryHealth{Problems: []Problem{}, Files: d.Store.Files()}
	var err error
	if h.Documents, h.Chunks, err = d.Library.Size(ctx); err != nil {
		h.Error = d.Explain(err)
		return h, ctx.Err()
	}
	problems, err := d.Store.Verify(ctx, p)
	if err != nil {
		h.Error = d.Explain(err)
		return h, ctx.Err()
	}
	for _, problem := range problems {
		if errors.Is(problem.Err, core.ErrBusy) { // a draft: the next add goes on with it
			h.Unfinished++
			continue
		}
		name := problem.Name
		if name == "" {
			name = problem.Document
		}
		h.Problems = append(h.Problems, Problem{name, problem.Err.Error()})
	}
	h.OK = len(h.Problems) == 0
	return h, nil
}

func (d *Doctor) models(ctx context.Context, p core.Progress) ([]ModelHealth, error) {
	models, err := d.Models.List(ctx)
	if err != nil {
		return nil, err
	}
	all := []ModelHealth{}
	for _, m := range models {
		h := ModelHealth{Model: m, OK: true}
		if h.ID, err = d.Models.Verify(ctx, m, p); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			h.OK, h.Error = false, d.Explain(err)
		}
		h.Files = nil
		all = append(all, h)
	}
	return all, nil
}

// inspectable is what the engine process can tell of itself.
type inspectable interface {
	Status(ctx context.Context) (engine.Status, error)
	Selftest(ctx context.Context, device string, emit func(engine.Check) error) error
}

func (d *Doctor) inspectable(ctx context.Context, p core.Progress) (inspectable, error) {
	p.Report(core.Update{Stage: "start"})
	client, err := d.Engine.Client(ctx)
	if err != nil {
		return nil, err
	}
	i, ok := client.(inspectable)
	if !ok {
		return nil, fmt.Errorf("engine of another kind: %w", core.ErrUnsupported)
	}
	return i, nil
}

func (d *Doctor) engine(ctx context.Context, device string, p core.Progress) (EngineHealth, error) {
	h := EngineHealth{Checks: []engine.Check{}}
	process, err := d.inspectable(ctx, p)
	var status engine.Status
	if err == nil {
		status, err = process.Status(ctx)
	}
	if err == nil {
		h.Status = &status
		h.Reason = d.Text(status.Reason)
		p.Report(core.Update{Stage: "selftest"})
		err = process.Selftest(ctx, device, func(check engine.Check) error {
			h.Checks = append(h.Checks, check)
			return nil
		})
		// The checks have chosen the device and loaded the library.
		if after, serr := process.Status(ctx); serr == nil {
			h.Status = &after
		}
	}
	if ctx.Err() != nil {
		return h, ctx.Err()
	}
	if err != nil {
		h.Error = d.Explain(err)
		return h, nil
	}
	h.OK = Refused(h.Status.Proof) && len(h.Checks) > 0
	for _, check := range h.Checks {
		h.OK = h.OK && check.OK
	}
	return h, nil
}

// EngineProof asks the engine process how it was closed, and starts one where none runs.
func (d *Doctor) EngineProof(ctx context.Context) (closed.Proof, error) {
	process, err := d.inspectable(ctx, nil)
	if err != nil {
		return closed.Proof{}, err
	}
	status, err := process.Status(ctx)
	if err != nil {
		return closed.Proof{}, fmt.Errorf("ask the engine for its proof: %w", err)
	}
	return status.Proof, nil
}
