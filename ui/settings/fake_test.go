package settings

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/closed"
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

	toasts []string
	asked  []widget.Question
	errors []error
	clip   string
	went   any
}

func (d *desk) Text(key string, args ...any) string { return resources.Format(d.lang, key, args...) }
func (d *desk) Lang() string                        { return d.lang }
func (d *desk) Collection() string                  { return "main" }
func (d *desk) Window() fyne.Window                 { return d.window }
func (d *desk) Clipboard(text string)               { d.clip = text }
func (d *desk) Navigate(where any)                  { d.went = where }
func (d *desk) Toast(text string)                   { d.toasts = append(d.toasts, text) }
func (d *desk) Confirm(q widget.Question)           { d.asked = append(d.asked, q) }
func (d *desk) ShowError(err error)                 { d.errors = append(d.errors, err) }

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

// kept is a settings file that takes effect nowhere.
type kept struct{ *settings.File }

func (k kept) Configure(change func(*settings.Settings)) error { return k.Update(change) }

// nurse is an app.Doctor.
type nurse struct {
	health app.LibraryHealth
	gate   chan struct{}
	err    error
}

func (n *nurse) Places(context.Context) (app.Places, error) {
	return app.Places{Data: "/home/hana/.local/share/kakoi", Logs: "/home/hana/.local/share/kakoi/logs", Library: 41_300_000, Models: 7_820_000_000, Other: 1_200_000, Free: 188_000_000_000}, nil
}

func (n *nurse) CheckLibrary(ctx context.Context, listen func(job.State)) (app.LibraryHealth, error) {
	listen(job.State{Update: core.Update{Stage: "verify", Done: 1, Total: 4}})
	if n.gate != nil {
		select {
		case <-n.gate:
		case <-ctx.Done():
			return app.LibraryHealth{}, ctx.Err()
		}
	}
	return n.health, n.err
}

func (n *nurse) EngineProof(context.Context) (closed.Proof, error) { return someProof(7), n.err }

func someProof(threads int) closed.Proof {
	p := closed.Proof{When: time.Date(2026, 11, 27, 9, 14, 3, 0, time.Local), NoNewPrivs: true, Threads: threads}
	for _, family := range []string{"AF_INET SOCK_STREAM", "AF_INET SOCK_DGRAM", "AF_INET6 SOCK_STREAM", "AF_NETLINK SOCK_RAW", "AF_PACKET SOCK_RAW"} {
		p.Attempts = append(p.Attempts, closed.Attempt{What: "socket " + family, Refused: true, Error: "permission denied"})
	}
	for i := range 6 {
		p.Filter = append(p.Filter, fmt.Sprintf("%2d  0020  0  0 00000004  load architecture", i))
	}
	return p
}

// reader of questions: app.Chat.
type echo struct{ err error }

func (e echo) Preview(_ context.Context, lang, text, collection, question string) (string, error) {
	return lang + "|" + collection + "|" + question + "|" + text, e.err
}

func newModel(t *testing.T, d *desk) (*model, *settings.File, *nurse) {
	t.Helper()
	dir := t.TempDir()
	file, err := settings.Open(filepath.Join(dir, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	n := &nurse{health: app.LibraryHealth{OK: true, Documents: 42, Chunks: 1310}}
	return &model{
		host: d, now: file, store: kept{file}, doctor: n, prompts: app.Prompts{Dir: filepath.Join(dir, "prompts"), Shipped: resources.Prompts}, chat: echo{},
		own: someProof(12), changed: func() {}, group: groupGeneral, wrong: map[string]error{}, templates: map[string]*template{},
	}, file, n
}

func someKeys() []widget.ShortcutGroup {
	return []widget.ShortcutGroup{{Title: "ui.shortcut.help", Shortcuts: []widget.Shortcut{
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyK, Text: "ui.shortcut.palette"},
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyO, Text: "ui.shortcut.add"},
	}}}
}

// shelf is an app.Library with documents.
type shelf struct {
	plan  app.RefreshPlan
	err   error
	split []string
	done  func(splitter string)
}

func (l *shelf) PlanResplit(context.Context, string, core.Progress) (app.RefreshPlan, error) {
	return l.plan, l.err
}

func (l *shelf) Resplit(_ context.Context, splitter string, _ app.AddOptions) (app.Summary, error) {
	l.split = append(l.split, splitter)
	l.done(splitter)
	return app.Summary{Updated: l.plan.Documents, Embedded: l.plan.New, Chunks: l.plan.Chunks}, nil
}
