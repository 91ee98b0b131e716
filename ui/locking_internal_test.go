package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/closed"
	"kakoi/core/vault"
	"kakoi/index/store"
	"kakoi/resources"
	"kakoi/ui/place"
	"kakoi/ui/widget"
)

// porter is a Vault over a library in the open, with a key of its own: what the window does with it is the same.
type porter struct {
	mu      sync.Mutex
	pass    string // "": none
	locked  bool
	key     *vault.Key
	onClose func()
	busy    func() bool
	reopens func() // closes and opens the library, as Set and Remove do
	shut    func()
	fail    error
	code    string
}

func newPorter(t *testing.T, pass string, locked bool) *porter {
	t.Helper()
	_, key, err := vault.New([]byte("any"), vault.Params{Time: 1, MemoryKiB: 64, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return &porter{pass: pass, locked: locked, key: key, busy: func() bool { return false }}
}

func (k *porter) Protected() bool        { k.mu.Lock(); defer k.mu.Unlock(); return k.pass != "" }
func (k *porter) Locked() bool           { k.mu.Lock(); defer k.mu.Unlock(); return k.locked }
func (k *porter) OnClose(f func())       { k.onClose = f }
func (k *porter) HasRecovery() bool      { return k.code != "" }
func (k *porter) Strength([]byte) string { return "good" }

func (k *porter) Loses() (bool, int, error) { return false, 0, nil }

func (k *porter) Unlock(_ context.Context, pass []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if string(pass) != k.pass {
		return core.Explain(fmt.Errorf("open: %w", vault.ErrPassphrase), "error.vault.passphrase")
	}
	k.locked = false
	return k.fail
}

func (k *porter) Lock(ctx context.Context) error {
	k.mu.Lock()
	k.locked = true
	k.mu.Unlock()
	for k.busy() {
		if !pauseFor(ctx, time.Millisecond) {
			return ctx.Err()
		}
		if !k.Locked() {
			return nil
		}
	}
	k.onClose()
	k.shut()
	return nil
}

func pauseFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (k *porter) Set(ctx context.Context, pass []byte, p core.Progress) error {
	p.Report(core.Update{Stage: "encrypt", Done: 1, Total: 2})
	k.onClose()
	k.shut()
	if k.fail != nil {
		return k.fail
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pass = string(pass)
	return ctx.Err()
}

func (k *porter) Remove(ctx context.Context, pass []byte, p core.Progress) error {
	if err := k.Unlock(ctx, pass); err != nil {
		return err
	}
	k.onClose()
	k.shut()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pass = ""
	return nil
}

func (k *porter) Change(_ context.Context, _, pass []byte) error { k.pass = string(pass); return nil }
func (k *porter) AddRecovery(context.Context, []byte) (string, error) {
	k.code = "ABCD"
	return k.code, nil
}
func (k *porter) RemoveRecovery(context.Context, []byte) error { k.code = ""; return nil }

func (k *porter) Seal(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := k.key.Seal(&out)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(plain)
	err = errors.Join(err, w.Close())
	return out.Bytes(), err
}

func (k *porter) Unseal(sealed []byte) ([]byte, error) {
	r, err := k.key.Unseal(bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err = out.ReadFrom(r)
	return out.Bytes(), err
}

// openKept is a window over a library that a passphrase keeps. forgot counts how often it took back what can be pasted.
func openKept(t *testing.T, k *porter, data string) (s *Shell, q *queue, forgot *int) {
	t.Helper()
	fyneApp := test.NewApp()
	t.Cleanup(fyneApp.Quit)
	forgot = new(int)
	s = newShell(t.Context(), Params{
		App: fyneApp, Data: data, Language: "en", Look: settings.Default(), Vault: k,
		Proof:   closed.Proof{When: time.Now()},
		Display: Display{Forget: func() { *forgot++ }, Idle: func() time.Duration { return time.Hour }},
	})
	q = &queue{}
	s.post = q.post
	s.state.Welcomed = true
	var mu sync.Mutex
	var open *Services
	s.p.Open = func(context.Context) (*Services, error) {
		mu.Lock()
		defer mu.Unlock()
		open = openServices(t, data, store.Options{})
		k.busy = func() bool { return len(open.Jobs.Running()) > 0 }
		return open, nil
	}
	k.shut = func() {
		mu.Lock()
		defer mu.Unlock()
		if err := open.Close(); err != nil {
			t.Error(err)
		}
	}
	s.window.Resize(s.state.size())
	if k.Locked() {
		s.showLock()
	} else {
		s.window.SetContent(s.frame.build())
		s.Go(s.open)
		q.until(t, "the library opens", func() bool { return s.services != nil })
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s, q, forgot
}

// enter types a text where the keyboard is and presses Enter.
func enter(s *Shell, text string) {
	if f, ok := s.window.Canvas().Focused().(*widget.Secret); ok {
		test.Type(f, text)
		f.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	}
}

// seen is every text that is drawn on the window, panels too.
func seen(s *Shell) string {
	var all []string
	objects := test.LaidOutObjects(s.window.Content())
	for _, o := range s.window.Canvas().Overlays().List() {
		objects = append(objects, test.LaidOutObjects(o)...)
	}
	for _, o := range objects {
		if text, ok := o.(*canvas.Text); ok {
			all = append(all, text.Text)
		}
	}
	return strings.Join(all, "\n") + s.window.Title()
}

// A library that a passphrase keeps begins with the lock screen and nothing else; the passphrase leads to the screen that was left, with the
// question that was being typed; nothing of how the window was left stands in the open.
func TestLockAndUnlock(t *testing.T) {
	data, k := t.TempDir(), newPorter(t, "seven grey cats", false)
	s, q, forgot := openKept(t, k, data)
	file := filepath.Join(t.TempDir(), "secret-budget.txt")
	if err := os.WriteFile(file, []byte("The budget is 24,500 dollars."), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.services.Library.Add(t.Context(), app.AddPlan{Paths: []string{file}, Collection: "project-heron"}, app.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	s.SetCollection("project-heron")
	s.Navigate(place.Documents)
	q.until(t, "the document is shown", func() bool { return strings.Contains(seen(s), "secret-budget") })
	s.entry(place.Chat).view()
	s.entry(place.Chat).screen.(drafter).SetDraft("half a quest")
	s.Confirm(widget.Question{Title: "about project-heron", Text: "x", Yes: "y", Then: func() {}})

	before := s.services
	s.Lock()
	if !s.locked() || *forgot != 1 {
		t.Fatalf("locked %v, pasted text forgotten %d times", s.locked(), *forgot)
	}
	nothing := func(when string) {
		t.Helper()
		for _, word := range []string{"secret-budget", "heron", "half a quest", resources.Format("en", "ui.screen.chat")} {
			if strings.Contains(seen(s), word) {
				t.Errorf("%s: %q is seen on the locked window", when, word)
			}
		}
	}
	nothing("at once")
	q.until(t, "the library is closed", func() bool { return s.services == nil })
	s.ShowError(errors.New("heron"))
	s.Toast("heron")
	s.Navigate(place.Chat)
	s.dropped(nil)
	s.Confirm(widget.Question{Title: "heron", Yes: "y", Then: func() {}})
	s.openPalette()
	s.Post(func() {
		widget.ShowPanel(widget.PanelParams{Canvas: s.window.Canvas(), Title: "heron", Content: canvas.NewText("heron", nil)})
	})
	q.run()
	nothing("after work behind it ended")
	for _, name := range []string{stateFile, sealedFile} {
		raw, err := os.ReadFile(filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte("heron")) || bytes.Contains(raw, []byte("documents")) {
			t.Errorf("%s has %s", name, raw)
		}
	}

	enter(s, "seven grey dogs")
	q.until(t, "the wrong passphrase is refused", func() bool { return strings.Contains(seen(s), "passphrase") && !s.lock.screen.Busy() })
	if !s.locked() {
		t.Fatal("a wrong passphrase opens")
	}
	enter(s, "seven grey cats")
	q.until(t, "the library is open again", func() bool { return s.services != nil && strings.Contains(seen(s), "secret-budget") })
	if s.services == before || s.current != place.Documents || s.collection != "project-heron" {
		t.Errorf("screen %s, collection %q", s.current, s.collection)
	}
	if got := s.entry(place.Chat).screen.(drafter).Draft(); got != "half a quest" {
		t.Errorf("the question that was being typed came back as %q", got)
	}
	for _, sc := range s.registered {
		if sc.Text == "lock.now" {
			sc.Do()
		}
	}
	if !s.locked() {
		t.Error("the shortcut does not lock")
	}
	q.until(t, "the library is closed", func() bool { return s.services == nil })
}

// A job goes on behind the lock, and the passphrase shows the screens again with it.
func TestWorkGoesOnBehindTheLock(t *testing.T) {
	s, q, _ := openKept(t, newPorter(t, "x", false), t.TempDir())
	end, services := make(chan struct{}), s.services
	work := services.Jobs.Start(t.Context(), job.Name{Key: "job.add", Note: "heron.pdf"}, func(ctx context.Context, _ core.Progress) error {
		select {
		case <-end:
		case <-ctx.Done():
			return ctx.Err()
		}
		return nil
	}, nil)
	s.Lock()
	q.run()
	if !strings.Contains(seen(s), "goes on") || strings.Contains(seen(s), "heron") {
		t.Errorf("it says %q", seen(s))
	}
	enter(s, "x")
	q.until(t, "the screens are back", func() bool { return !s.locked() })
	if s.services != services {
		t.Error("the library was closed under a job")
	}
	s.Lock()
	close(end)
	if err := work.Wait(t.Context()); err != nil {
		t.Errorf("the job ended with %v", err)
	}
	q.until(t, "the library closes when the job has ended", func() bool { return s.services == nil })
}

// A window that starts locked opens nothing before the passphrase, and a library that does not open then says why.
func TestStartsLocked(t *testing.T) {
	k := newPorter(t, "x", true)
	s, q, _ := openKept(t, k, t.TempDir())
	q.run()
	if s.services != nil || s.opened != nil || !s.locked() {
		t.Fatal("something is open")
	}
	k.fail = core.Explain(fmt.Errorf("open: %w", core.ErrCorrupt), "error.vault.header")
	enter(s, "x")
	q.until(t, "the failure is shown", func() bool { return !s.locked() && strings.Contains(seen(s), s.Text("ui.failed.title")) })
	s.failed = nil
}

// Encrypting closes the library behind a page of its own and opens it again; where it fails, what was there is there again, and why is told.
func TestProtect(t *testing.T) {
	k := newPorter(t, "", false)
	s, q, _ := openKept(t, k, t.TempDir())
	s.Navigate(place.Settings)
	var got []error
	move := func(what func([]byte, func(error)), pass string) {
		t.Helper()
		n := len(got)
		what([]byte(pass), func(err error) { got = append(got, err) })
		if !s.locked() || !strings.Contains(seen(s), s.Text("ui.cancel")) {
			t.Errorf("no page while the library is rewritten: %q", seen(s))
		}
		q.until(t, "it is over", func() bool { return len(got) > n && s.services != nil })
		if s.locked() || s.current != place.Settings {
			t.Errorf("afterwards: locked %v at %s", s.locked(), s.current)
		}
	}
	k.fail = core.ErrNoSpace
	if move(s.Protect, "x"); !errors.Is(got[0], core.ErrNoSpace) || s.protected() {
		t.Errorf("a full disk: %v, protected %v", got[0], s.protected())
	}
	k.fail = nil
	if move(s.Protect, "x"); got[1] != nil || !s.protected() {
		t.Errorf("set: %v, protected %v", got[1], s.protected())
	}
	if move(s.Unprotect, "y"); !errors.Is(got[2], vault.ErrPassphrase) || !s.protected() {
		t.Errorf("removed with a wrong passphrase: %v", got[2])
	}
	if move(s.Unprotect, "x"); got[3] != nil || s.protected() {
		t.Errorf("removed: %v, protected %v", got[3], s.protected())
	}
}

// The window locks when nobody was there for as long as the settings say, and not without a passphrase.
func TestLocksWhenIdle(t *testing.T) {
	k := newPorter(t, "x", false)
	s, q, _ := openKept(t, k, t.TempDir())
	set := func(minutes int) {
		t.Helper()
		if err := s.services.Settings.Update(func(set *settings.Settings) { set.LockAfter = minutes }); err != nil {
			t.Fatal(err)
		}
		s.lookIdle()
	}
	idle := 29 * time.Minute
	s.p.Display.Idle = func() time.Duration { return idle }
	if set(0); s.locked() {
		t.Error("locked although it is never to")
	}
	if set(30); s.locked() {
		t.Error("locked a minute early")
	}
	k.pass = ""
	if set(5); s.locked() {
		t.Error("locked without a passphrase")
	}
	k.pass = "x"
	if set(15); !s.locked() {
		t.Error("not locked")
	}
	q.until(t, "the library is closed", func() bool { return s.services == nil })
}

// The report is written from the proof, and what it came to is said, good or bad.
func TestReportFromTheProof(t *testing.T) {
	for _, language := range resources.Languages {
		s, q := openShell(t, language)
		failed := []string{"engine", "memory"}
		var path, lang string
		going := make(chan bool)
		s.services.Report = func(_ context.Context, p, l string) ([]string, error) {
			path, lang = p, l
			<-going
			return failed, nil
		}
		waits := func() bool { return strings.Contains(seen(s), string([]rune(s.Text("proof.writing"))[:12])) }
		s.writeReport("/usb/report")
		if !waits() {
			t.Errorf("nothing says that the report is written: %s", seen(s))
		}
		going <- true
		q.until(t, "the report is told", func() bool { return strings.Contains(seen(s), s.Text("proof.report.title")) && !waits() })
		if path != "/usb/report.pdf" || lang != language {
			t.Errorf("written to %q in %q", path, lang)
		}
		press(s, fyne.KeyEscape)
		failed = nil
		s.writeReport("/usb/report.json")
		press(s, fyne.KeyEscape) // a person need not wait
		if s.window.Canvas().Overlays().Top() != nil {
			t.Error("what says that it is written cannot be closed")
		}
		going <- true
		q.until(t, "the report is told", func() bool { return s.window.Canvas().Overlays().Top() != nil })
		if path != "/usb/report.json" {
			t.Errorf("written to %q", path)
		}
		press(s, fyne.KeyEscape)
		s.showProof()
		if !strings.Contains(seen(s), s.Text("proof.report")) {
			t.Error("the proof offers no report")
		}
		press(s, fyne.KeyEscape)
	}
}

// Work that a screen begins while the library closes does not run: it would find nothing there.
func TestNothingBeginsInAnEndedSession(t *testing.T) {
	s := newSession(t.Context())
	ran := make(chan bool, 2)
	s.begin(func(context.Context) { ran <- true })
	s.end()
	s.begin(func(context.Context) { ran <- true })
	s.work.Wait()
	if len(ran) != 1 {
		t.Errorf("%d pieces of work ran, want 1", len(ran))
	}
}
