package library

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/app/apptest"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core/ingest"
	"kakoi/index"
	"kakoi/resources"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// desk is a window's shell for tests: what is posted waits until the test lets it run, on the test's goroutine.
type desk struct {
	t      testing.TB
	lang   string
	window fyne.Window

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	posted chan func()

	collection string
	errors     []error
	toasts     []string
	asked      []widget.Question
	copied     string
	picked     []string
	bus        *app.Bus
}

func newDesk(t testing.TB) *desk {
	d := &desk{t: t, lang: "en", posted: make(chan func(), 10_000), bus: &app.Bus{}}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	t.Cleanup(func() {
		d.cancel()
		ended := make(chan struct{})
		go func() {
			d.work.Wait()
			close(ended)
		}()
		for {
			select {
			case f := <-d.posted:
				f()
			case <-ended:
				return
			}
		}
	})
	return d
}

func (d *desk) Text(key string, args ...any) string { return resources.Format(d.lang, key, args...) }
func (d *desk) Lang() string                        { return d.lang }
func (d *desk) Post(f func())                       { d.posted <- f }
func (d *desk) ShowError(err error)                 { d.errors = append(d.errors, err) }
func (d *desk) Toast(text string)                   { d.toasts = append(d.toasts, text) }
func (d *desk) Collection() string                  { return d.collection }
func (d *desk) Window() fyne.Window                 { return d.window }
func (d *desk) Confirm(q widget.Question)           { d.asked = append(d.asked, q) }
func (d *desk) PickFiles(then func([]string))       { then(d.picked) }
func (d *desk) PickFolder(then func([]string))      { then(d.picked) }
func (d *desk) Clipboard(text string)               { d.copied = text }

func (d *desk) Go(work func(ctx context.Context)) {
	if d.ctx.Err() == nil { // what is still posted at the end begins nothing: the end waits for what there is
		d.work.Go(func() { work(d.ctx) })
	}
}

func (d *desk) SetCollection(name string) {
	d.collection = name
	d.bus.Tell(app.TopicDocuments)
}

// until lets posted work run until a condition holds.
func (d *desk) until(what string, condition func() bool) {
	d.t.Helper()
	deadline := time.After(30 * time.Second)
	for !condition() {
		select {
		case f := <-d.posted:
			f()
		case <-deadline:
			d.t.Fatalf("still not: %s (errors %v)", what, d.errors)
		}
	}
}

// world is a real library with the small models of apptest.
type world struct {
	*desk
	dir     string
	client  *apptest.Client
	library *app.Library
	folders *app.Folders
	pages   *app.Pages
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{desk: newDesk(t), dir: t.TempDir(), client: &apptest.Client{}}
	if err := apptest.Folders(filepath.Join(w.dir, "bundled")); err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(filepath.Join(w.dir, "library"), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	engine := app.NewEngine(func(context.Context) (app.Client, error) { return w.client, nil })
	set, err := settings.Open(filepath.Join(w.dir, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	store, jobs := app.Indexed{Index: x}, job.NewRunner()
	models := &app.Models{Bundled: filepath.Join(w.dir, "bundled"), Dir: filepath.Join(w.dir, "models"), Store: store, Settings: set, Jobs: jobs, Engine: engine}
	w.library = &app.Library{
		Store: store, Models: models, Settings: set, Jobs: jobs, Log: job.NewLog(store), Bus: w.bus,
		Read: ingest.Options{CacheDir: filepath.Join(cache(t), "wasm"), FontsDir: fontsDir(t)},
	}
	w.folders = &app.Folders{Store: store, Library: w.library, Bus: w.bus}
	w.pages = app.OpenPages(w.library)
	// Clean-ups run last first: the desk's work has ended by then.
	end := w.desk
	t.Cleanup(func() {
		end.cancel()
		end.work.Wait()
		if err := w.pages.Close(); err != nil {
			t.Error(err)
		}
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) screen() *Screen {
	return New(Params{
		Shell: w.desk, Library: w.library, Folders: w.folders, Pages: w.pages, Bus: w.bus,
		Samples: resources.Samples, SamplesDir: filepath.Join(w.dir, "samples"),
	})
}

// file writes a document and returns its path.
func (w *world) file(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, "docs", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// samples writes the sample documents into the folder of documents.
func (w *world) samples() string {
	w.t.Helper()
	entries, err := fs.ReadDir(resources.Samples, ".")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		raw, err := fs.ReadFile(resources.Samples, e.Name())
		if err != nil {
			w.t.Fatal(err)
		}
		w.file(e.Name(), string(raw))
	}
	return filepath.Join(w.dir, "docs")
}

func cache(t testing.TB) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "kakoi-build")
}

// fontsDir has the fonts that set-up fetched: golden images need the same everywhere.
func fontsDir(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("KAKOI_FONTS"); dir != "" {
		return dir
	}
	return filepath.Join(cache(t), "fonts")
}

func fonts(t testing.TB) theme.Fonts {
	t.Helper()
	f := theme.LoadFonts(fontsDir(t))
	if f.Regular == nil {
		t.Fatalf("no fonts in %q: run make setup", fontsDir(t))
	}
	return f
}
