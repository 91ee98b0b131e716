package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"kakoi/app"
	"kakoi/app/apptest"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/index"
	"kakoi/resources"
)

// bench is a library in a temporary folder with the small models of apptest.
type bench struct {
	*testing.T
	dir     string
	client  *apptest.Client
	store   app.Store
	library *app.Library
	models  *app.Models
	chat    *app.Chat
}

func open(t *testing.T, wrap func(app.Store) app.Store) *bench {
	t.Helper()
	b := &bench{T: t, dir: t.TempDir(), client: &apptest.Client{}}
	if err := apptest.Folders(filepath.Join(b.dir, "bundled")); err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(filepath.Join(b.dir, "library"), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine := app.NewEngine(func(context.Context) (app.Client, error) { return b.client, nil })
	t.Cleanup(func() {
		problems, err := x.Verify(context.Background(), nil)
		for _, p := range problems {
			if !errors.Is(p.Err, core.ErrBusy) { // a draft is no damage
				err = errors.Join(err, p)
			}
		}
		if err := errors.Join(err, engine.Close(), x.Close()); err != nil {
			t.Error(err)
		}
	})
	b.store = app.Indexed{Index: x}
	if wrap != nil {
		b.store = wrap(b.store)
	}
	set, err := settings.Open(filepath.Join(b.dir, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	jobs := job.NewRunner()
	b.models = &app.Models{Bundled: filepath.Join(b.dir, "bundled"), Dir: filepath.Join(b.dir, "models"), Store: b.store, Settings: set, Jobs: jobs, Engine: engine}
	b.library = &app.Library{Store: b.store, Models: b.models, Settings: set, Jobs: jobs, Log: job.NewLog(b.store)}
	b.chat = &app.Chat{Library: b.library, Models: b.models, Settings: set}
	return b
}

// files writes n documents of so many lines and returns their folder.
func (b *bench) files(n, lines int) string {
	b.Helper()
	dir := filepath.Join(b.dir, "docs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		var text strings.Builder
		for j := range lines {
			fmt.Fprintf(&text, "Document %d, line %d: the part with number %d is kept in room %d of the house.\n\n", i, j, i*1000+j, j%17)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("doc%02d.txt", i)), []byte(text.String()), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

func (b *bench) add(path string) (app.Summary, error) {
	return b.library.Add(b.Context(), app.AddPlan{Paths: []string{path}}, app.AddOptions{
		Explain: func(err error) (string, string) { return resources.ErrorText("en", err) },
	})
}

func (b *bench) ready() []string {
	b.Helper()
	docs, err := b.library.List(b.Context(), "main")
	if err != nil {
		b.Fatal(err)
	}
	var names []string
	for _, d := range docs {
		if d.State == core.DocumentReady {
			names = append(names, d.Name)
		}
	}
	return names
}

func TestProgressGoesToTheEnd(t *testing.T) {
	b := open(t, nil)
	var last job.State
	s, err := b.library.Add(t.Context(), app.AddPlan{Paths: []string{b.files(5, 40)}}, app.AddOptions{Listen: func(s job.State) { last = s }})
	if err != nil || s.Added != 5 {
		t.Fatalf("%+v, %v", s, err)
	}
	if !last.Ended || last.Done != last.Total || last.Total == 0 {
		t.Errorf("last progress is %+v", last)
	}
	if s.Embedded != b.client.Embedded() || s.Embedded != s.Chunks {
		t.Errorf("%d chunks, %d embedded, the model saw %d", s.Chunks, s.Embedded, b.client.Embedded())
	}
}

func TestSmallFilesShareBatches(t *testing.T) {
	b := open(t, nil)
	var calls atomic.Int32
	b.client.Before = func([]string) error { calls.Add(1); return nil }
	s, err := b.add(b.files(60, 2))
	if err != nil || s.Added != 60 {
		t.Fatalf("%+v, %v", s, err)
	}
	if n := int(calls.Load()); n > s.Chunks/4 {
		t.Errorf("%d calls for %d chunks", n, s.Chunks)
	}
}

func TestUnchangedFilesNeedNoEngine(t *testing.T) {
	b := open(t, nil)
	dir := b.files(3, 5)
	if _, err := b.add(dir); err != nil {
		t.Fatal(err)
	}
	b.client.Before = func([]string) error { return errors.New("embedded again") }
	for i := range 3 { // a new time, the same contents
		now := filepath.Join(dir, fmt.Sprintf("doc%02d.txt", i))
		raw, err := os.ReadFile(now)
		if err == nil {
			err = os.WriteFile(now, raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if s, err := b.add(dir); err != nil || s.Unchanged != 3 || s.Updated != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestCancelKeepsWhatIsDone(t *testing.T) {
	b := open(t, nil)
	dir := b.files(4, 300)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	b.client.Before = func([]string) error {
		if calls++; calls == 3 {
			cancel()
		}
		return nil
	}
	s, err := b.library.Add(ctx, app.AddPlan{Paths: []string{dir}}, app.AddOptions{})
	if !errors.Is(err, context.Canceled) || !s.Cancelled || s.Embedded == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	entries, plans, err := b.library.Unfinished(t.Context())
	if err != nil || len(plans) != 1 || entries[0].Running || !slices.Equal(plans[0].Paths, []string{dir}) {
		t.Fatalf("unfinished: %+v, %v", plans, err)
	}
	before := b.client.Embedded()
	again, err := b.library.Add(t.Context(), plans[0], app.AddOptions{})
	if err != nil || again.Added+again.Unchanged != 4 {
		t.Fatalf("%+v, %v", again, err)
	}
	if total := b.client.Embedded(); total != s.Embedded+again.Embedded || before != s.Embedded {
		t.Errorf("embedded %d, then %d, the model saw %d: something was embedded twice", s.Embedded, again.Embedded, total)
	}
	if entries, _, _ := b.library.Unfinished(t.Context()); len(entries) != 0 {
		t.Errorf("still unfinished: %+v", entries)
	}
}

func TestLostEngineIsTriedAgain(t *testing.T) {
	b := open(t, nil)
	calls := 0
	b.client.Before = func([]string) error {
		if calls++; calls == 2 {
			return fmt.Errorf("embed: %w", core.ErrEngine)
		}
		return nil
	}
	if s, err := b.add(b.files(4, 150)); err != nil || s.Added != 4 || len(s.Failed) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestDocumentThatKillsTheEngine(t *testing.T) {
	b := open(t, nil)
	dir := b.files(6, 10)
	if err := os.WriteFile(filepath.Join(dir, "doc03.txt"), []byte("POISON in the middle.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.client.Before = func(texts []string) error {
		if slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "POISON") }) {
			return core.ErrEngine
		}
		return nil
	}
	s, err := b.add(dir)
	if err != nil || s.Added != 5 || len(s.Failed) != 1 || !strings.HasSuffix(s.Failed[0].Path, "doc03.txt") || s.Failed[0].Reason == "" {
		t.Errorf("%+v, %v", s, err)
	}
	if names := b.ready(); len(names) != 5 {
		t.Errorf("ready: %v", names)
	}
}

func TestEngineThatStaysLost(t *testing.T) {
	b := open(t, nil)
	b.client.Before = func([]string) error { return core.ErrEngine }
	s, err := b.add(b.files(6, 10))
	if !errors.Is(err, core.ErrEngine) {
		t.Errorf("%+v, %v: want core.ErrEngine", s, err)
	}
	if entries, _, _ := b.library.Unfinished(t.Context()); len(entries) != 1 {
		t.Errorf("unfinished: %v", entries)
	}
}

// full is a Store on a disk that fills up.
type full struct {
	app.Store
	puts *int
}

type fullDraft struct {
	app.Draft
	puts *int
}

func (f full) Begin(ctx context.Context, c string, doc core.Document, pages []core.Page, chunks []core.Chunk, e core.EmbedderInfo, sources ...index.Source) (app.Draft, error) {
	d, err := f.Store.Begin(ctx, c, doc, pages, chunks, e, sources...)
	return fullDraft{d, f.puts}, err
}

func (d fullDraft) PutVectors(ctx context.Context, ordinals []int, vectors []core.Vector) error {
	if *d.puts--; *d.puts < 0 {
		return fmt.Errorf("put vectors: %w", core.ErrNoSpace)
	}
	return d.Draft.PutVectors(ctx, ordinals, vectors)
}

func TestFullDisk(t *testing.T) {
	puts := 3
	b := open(t, func(s app.Store) app.Store { return full{s, &puts} })
	dir := b.files(6, 100)
	s, err := b.add(dir)
	if !errors.Is(err, core.ErrNoSpace) || s.Cancelled || len(s.Failed) != 0 {
		t.Fatalf("%+v, %v: want core.ErrNoSpace", s, err)
	}
	if got := len(b.ready()); got != s.Added || got == 6 {
		t.Errorf("%d ready, %d reported", got, s.Added)
	}
	puts = 1 << 20 // space was made
	again, err := b.add(dir)
	if err != nil || again.Added+again.Unchanged != 6 || len(b.ready()) != 6 {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestNewEmbedder(t *testing.T) {
	b := open(t, nil)
	if _, err := b.add(b.files(3, 20)); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(b.dir, "models", "other-embedder")
	if err := os.MkdirAll(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "config.json"), []byte(`{"model_type":"xlm-roberta"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.models.Use(t.Context(), "other-embedder"); err != nil {
		t.Fatal(err)
	}
	status, err := b.library.Status(t.Context())
	if err != nil || status.Stale != 3 {
		t.Fatalf("status %+v, %v: want 3 stale", status, err)
	}
	if err := os.RemoveAll(filepath.Join(b.dir, "docs")); err != nil { // the library's own texts are enough
		t.Fatal(err)
	}
	before := b.client.Embedded()
	s, err := b.library.Refresh(t.Context(), app.AddOptions{})
	if err != nil || s.Updated != 3 || s.Embedded != before || len(s.Failed) != 0 {
		t.Fatalf("%+v, %v: want the %d chunks of 3 documents", s, err, before)
	}
	if status, err := b.library.Status(t.Context()); err != nil || status.Stale != 0 {
		t.Errorf("status %+v, %v: want none stale", status, err)
	}
	passages, err := b.library.Search(t.Context(), "", "room 11 of the house", 5)
	if err != nil || len(passages) == 0 || passages[0].Dense == 0 {
		t.Errorf("passages %+v, %v", passages, err)
	}
}
