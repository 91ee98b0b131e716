package models

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/resources"
	"kakoi/ui/widget"
)

// desk is a shell without a window. With queue, work runs in goroutines and what they post waits for drain; without, all
// happens at once on the caller's goroutine.
type desk struct {
	lang   string
	window fyne.Window
	queue  chan func()
	work   int // goroutines that have not said that they end

	questions []widget.Question
	toasts    []string
	errors    []error
	picked    []string
	proposed  string // name of the file to be saved
	clip      string
	went      []any
}

func (d *desk) Text(key string, args ...any) string { return resources.Format(d.lang, key, args...) }
func (d *desk) Lang() string                        { return d.lang }
func (d *desk) Window() fyne.Window                 { return d.window }
func (d *desk) Clipboard(text string)               { d.clip = text }
func (d *desk) Confirm(q widget.Question)           { d.questions = append(d.questions, q) }
func (d *desk) Toast(text string)                   { d.toasts = append(d.toasts, text) }
func (d *desk) ShowError(err error)                 { d.errors = append(d.errors, err) }
func (d *desk) Navigate(where any)                  { d.went = append(d.went, where) }
func (d *desk) PickFolder(then func([]string))      { then(d.picked) }
func (d *desk) PickFiles(then func([]string))       { then(d.picked) }

func (d *desk) PickSave(name string, then func(string)) {
	d.proposed = name
	if len(d.picked) == 1 {
		then(d.picked[0])
	}
}

func (d *desk) Post(f func()) {
	if d.queue == nil {
		f()
		return
	}
	d.queue <- f
}

func (d *desk) Go(work func(ctx context.Context)) {
	if d.queue == nil {
		work(context.Background())
		return
	}
	d.work++
	go func() {
		work(context.Background())
		d.queue <- func() { d.work-- }
	}()
}

// drain runs what is posted until all work has ended.
func (d *desk) drain() {
	for d.work > 0 {
		(<-d.queue)()
	}
}

// shelf is an app.Models of made-up models.
type shelf struct {
	mu      sync.Mutex
	models  []app.Model
	details map[string]app.Details
	broken  map[string]error
	speeds  map[string]app.Speed
	fail    error // of the next import, check or measurement
	gate    chan struct{}
	removed []string
}

func newShelf() *shelf {
	day := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	hash := "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	return &shelf{
		models: []app.Model{
			{Name: "rinna-4b-instruct", Kind: app.KindChat, Dir: "/home/hana/.local/share/kakoi/models/rinna-4b-instruct", Bytes: 7_730_000_000, ID: "5f1d7a84db3f4c21", Imported: day,
				Files: []app.File{{Name: "model.safetensors", Bytes: 7_725_000_000, SHA256: hash}, {Name: "config.json", Bytes: 812, SHA256: hash}}},
			{Name: settings.StarterModel, Kind: app.KindChat, Dir: "/opt/kakoi/models/starter", Bytes: 36_100_000, InUse: true, Bundled: true},
			{Name: "all-MiniLM-L6-v2", Kind: app.KindEmbedder, Dir: "/home/hana/.local/share/kakoi/models/all-MiniLM-L6-v2", Bytes: 91_000_000, ID: "00a1b2c3d4e5f607", Imported: day},
			{Name: settings.StarterEmbedder, Kind: app.KindEmbedder, Dir: "/opt/kakoi/models/multilingual-e5-small", Bytes: 490_000_000, InUse: true, Bundled: true},
		},
		details: map[string]app.Details{
			"rinna-4b-instruct":      {Architecture: "gpt_neox", Parameters: 3_820_000_000, Storage: "F16", Layers: 36, Hidden: 2816, Heads: 22, MaxTokens: 2048, Vocab: 65536, Tokenizer: "Unigram", Tensors: 436, Files: 5, Bytes: 7_725_000_000, Licences: []string{"LICENSE"}},
			settings.StarterModel:    {Architecture: "gpt_neox", Parameters: 48_400_000, Storage: "NF4", Layers: 12, Hidden: 512, Heads: 8, MaxTokens: 1024, Vocab: 20480, Tokenizer: "Unigram", Tensors: 220, Files: 4, Bytes: 36_000_000},
			settings.StarterEmbedder: {Architecture: "bert", Parameters: 117_600_000, Storage: "F32", Layers: 12, Hidden: 384, Heads: 12, MaxTokens: 512, Vocab: 250002, Tokenizer: "Unigram", Tensors: 199, Files: 6, Bytes: 471_000_000},
		},
		broken: map[string]error{"all-MiniLM-L6-v2": core.Explain(fmt.Errorf("weights: %w", core.ErrCorrupt), "error.model.truncated", "model.safetensors")},
		speeds: map[string]app.Speed{settings.StarterModel: {When: day, Device: "cpu", DType: "bf16", Prefill: 812, Decode: 61.5}},
	}
}

func (s *shelf) List(ctx context.Context) ([]app.Model, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]app.Model(nil), s.models...), ctx.Err()
}

func (s *shelf) Details(_ context.Context, m app.Model) (app.Details, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.details[m.Name], s.broken[m.Name]
}

func (s *shelf) Speed(_ context.Context, name string) (app.Speed, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	speed, ok := s.speeds[name]
	return speed, ok, nil
}

func (s *shelf) Licence(m app.Model, file string) (string, error) {
	return "The licence of " + m.Name + ", " + file, nil
}

func (s *shelf) find(name string) (*app.Model, error) {
	for i := range s.models {
		if s.models[i].Name == name {
			return &s.models[i], nil
		}
	}
	return nil, fmt.Errorf("model %q: %w", name, core.ErrNoModel)
}

func (s *shelf) Use(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	chosen, err := s.find(name)
	if err != nil {
		return err
	}
	for i := range s.models {
		if s.models[i].Kind == chosen.Kind {
			s.models[i].InUse = s.models[i].Name == name
		}
	}
	return nil
}

func (s *shelf) Removable(_ context.Context, name string) (app.Model, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.find(name)
	if err != nil {
		return app.Model{}, err
	}
	if m.Bundled {
		return *m, core.Explain(fmt.Errorf("remove %q: %w", name, core.ErrUnsupported), "error.model.bundled", name)
	}
	return *m, nil
}

func (s *shelf) Remove(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removed = append(s.removed, name)
	for i := range s.models {
		if s.models[i].Name == name {
			s.models = append(s.models[:i:i], s.models[i+1:]...)
			return nil
		}
	}
	return core.ErrNoModel
}

func (s *shelf) Check(ctx context.Context, _ string, listen func(job.State)) (string, error) {
	return "5f1d7a84db3f4c21", s.run(ctx, listen, "hash")
}

func (s *shelf) Measure(ctx context.Context, _ string, listen func(job.State)) (app.Speed, error) {
	return app.Speed{Device: "cpu", DType: "bf16", Prefill: 100, Decode: 10}, s.run(ctx, listen, "speed")
}

// run reports progress, waits for the gate, and fails when it has to.
func (s *shelf) run(ctx context.Context, listen func(job.State), stages ...string) error {
	for _, stage := range stages {
		if listen != nil {
			listen(job.State{Update: core.Update{Stage: stage, Done: 1, Total: 2}})
		}
	}
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.fail
	s.fail = nil
	return err
}

func (s *shelf) Import(ctx context.Context, dir string, opt app.ImportOptions) (app.Model, error) {
	if err := s.run(ctx, opt.Listen, "files", "tensors", "tokenizer"); err != nil {
		return app.Model{}, err
	}
	if opt.Found != nil {
		opt.Found(s.details["rinna-4b-instruct"])
	}
	opt.Listen(job.State{Update: core.Update{Stage: "copy", Done: 5, Total: 10}})
	m := app.Model{Name: opt.Name, Kind: app.KindChat, Dir: "/data/models/" + opt.Name, Bytes: 10}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.models = append(s.models, m)
	return m, nil
}

// books is an app.Library.
type books struct {
	plan      app.RefreshPlan
	stale     int
	refreshes int
	err       error
}

func (b *books) Status(context.Context) (app.Status, error) { return app.Status{Stale: b.stale}, nil }

func (b *books) PlanRefresh(_ context.Context, _ string, p core.Progress) (app.RefreshPlan, error) {
	p.Report(core.Update{Stage: "speed", Total: 64})
	return b.plan, b.err
}

func (b *books) Refresh(context.Context, app.AddOptions) (app.Summary, error) {
	b.refreshes++
	return app.Summary{Updated: b.plan.Documents, Seconds: 3}, b.err
}

var errTorn = core.Explain(errors.Join(core.ErrCorrupt, errors.New("eof")), "error.model.truncated", "model-00002-of-00003.safetensors")
