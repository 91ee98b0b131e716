package ui

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"fyne.io/fyne/v2"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/ui/lock"
	"kakoi/ui/place"
	"kakoi/ui/widget"
)

// Vault is the passphrase that keeps the library, as the window needs it. Methods may be called from any goroutine; those that take a
// passphrase zero it.
type Vault interface {
	// Protected says whether a passphrase keeps the library, Locked whether it has yet to be typed.
	Protected() bool
	Locked() bool
	// Unlock opens the library: vault.ErrPassphrase. While it is still open it only uncovers it.
	Unlock(ctx context.Context, pass []byte) error
	// Lock closes the library and forgets the key as soon as no job runs, or returns when Unlock came first.
	Lock(ctx context.Context) error
	// Set encrypts the library, Remove decrypts it; both close it meanwhile and open it again, as it was when they fail.
	Set(ctx context.Context, pass []byte, p core.Progress) error
	Remove(ctx context.Context, pass []byte, p core.Progress) error
	// Change replaces the passphrase.
	Change(ctx context.Context, old, pass []byte) error
	// HasRecovery says whether a recovery code opens the library too; AddRecovery makes one, in place of an earlier one.
	HasRecovery() bool
	AddRecovery(ctx context.Context, pass []byte) (code string, err error)
	RemoveRecovery(ctx context.Context, pass []byte) error
	// Strength judges a passphrase for a hint: "weak", "fair", "good" or "strong".
	Strength(pass []byte) string
	// Loses says what Set deletes: what is kept to undo a restore or repair, and daily backups that are not encrypted.
	Loses() (undo bool, backups int, err error)
	// OnClose has f called before the library is closed by one of the methods; it is closed when f returns.
	OnClose(f func())
	sealer
}

// Display is what the window asks of the display beyond what the toolkit does, on the window's goroutine. nil members are not known.
type Display struct {
	Idle     func() time.Duration // since the last key, click or movement on the window
	Plain    func(on bool)        // keys go past the input method
	CapsLock func() bool          // the keyboard's caps lock is on
	Forget   func()               // takes back what the program offers to paste
}

// idleEvery is how often the window looks how long nobody was there.
const idleEvery = 5 * time.Second

// cover is what takes the whole window in place of the frame.
type cover interface {
	Build() fyne.CanvasObject
	Focus()
	Leave()             // before it is taken away
	Ending(text string) // the window ends
}

// locking is the lock of the window. The zero value is a window that is not locked.
type locking struct {
	cover  cover // nil: not locked
	screen *lock.Screen
	sealed []byte                  // what was being typed, under the library's key
	typed  map[place.Screen]string // the same while the protection is changed, which the key does not outlive
	later  []string                // notes that came meanwhile
	watch  func()                  // ends the subscription to jobs; nil: none
}

// drafter is a screen with a field whose text outlives a lock.
type drafter interface {
	Draft() string
	SetDraft(text string)
}

// protected says whether a passphrase keeps the library.
func (s *Shell) protected() bool { return s.p.Vault != nil && s.p.Vault.Protected() }

// sealer is what seals the window's state; nil where nothing does.
func (s *Shell) sealer() sealer {
	if s.protected() {
		return s.p.Vault
	}
	return nil
}

// locked says whether something is in place of the frame: nothing of the library is on the window then.
func (s *Shell) locked() bool { return s.lock.cover != nil }

// Lock hides everything behind the lock screen at once. Jobs that run go on behind it; when none runs, the library is closed and its key
// forgotten. What is being typed in a question's field comes back after the unlocking; panels are closed.
func (s *Shell) Lock() {
	if s.locked() || s.services == nil || !s.protected() || s.ctx.Err() != nil {
		return
	}
	s.keepTyped()
	s.hide(s.p.Vault)
	s.showLock()
	if s.p.Display.Forget != nil {
		s.p.Display.Forget()
	}
	jobs := s.services.Jobs
	look := func() {
		if s.lock.screen != nil {
			s.lock.screen.Behind(s.services != nil && len(jobs.Running()) > 0)
		}
	}
	s.lock.watch = jobs.Watch(func([]*job.Job) { s.Post(look) })
	look()
	s.always(func(ctx context.Context) {
		if err := s.p.Vault.Lock(ctx); err != nil && ctx.Err() == nil {
			slog.Error("lock the library", "error", err)
		}
	})
}

// hide takes the screens off the window and keeps how they were.
func (s *Shell) hide(by sealer) {
	if s.palette != nil {
		s.palette.close()
	}
	canvas := s.window.Canvas()
	for top := canvas.Overlays().Top(); top != nil; top = canvas.Overlays().Top() {
		canvas.Unfocus()
		if typed := canvas.OnTypedKey(); typed != nil {
			typed(&fyne.KeyEvent{Name: fyne.KeyEscape}) // as a person would
		}
		if canvas.Overlays().Top() == top {
			canvas.Overlays().Remove(top)
		}
	}
	s.notices.clear()
	s.remember()
	if err := s.state.save(s.p.Data, by); err != nil {
		slog.Warn("window state", "error", err)
	}
	if e := s.entry(s.current); e != nil && e.built != nil && !s.greets {
		e.screen.Hidden()
	}
	for _, e := range s.entries {
		e.built = nil
	}
	s.unregisterShortcuts()
}

// cover puts something in place of the frame.
func (s *Shell) cover(c cover) {
	s.lock.cover = c
	s.window.Canvas().Unfocus()
	s.window.SetContent(c.Build())
	c.Focus()
	s.window.Canvas().AddShortcut(shortcutOf(fyne.KeyQ, fyne.KeyModifierControl), func(fyne.Shortcut) { s.asked() })
}

// showLock puts the lock screen on the window.
func (s *Shell) showLock() {
	s.lock.screen = lock.New(lock.Params{
		Shell: always{s}, Keys: s.SecretKeys(), Open: s.p.Vault.Unlock, Opened: s.reveal, Failed: s.unlockFailed, Quit: s.asked,
	})
	s.cover(s.lock.screen)
}

// always is the window for what does not belong to an open library.
type always struct{ *Shell }

// Go is Shell.Go without the library.
func (a always) Go(work func(ctx context.Context)) { a.Shell.always(work) }

// SecretKeys is what a field for a passphrase asks of the display.
func (s *Shell) SecretKeys() widget.SecretKeys {
	return widget.SecretKeys{Plain: s.p.Display.Plain, CapsLock: s.p.Display.CapsLock}
}

// unlockFailed takes over where the passphrase was right and the library does not open.
func (s *Shell) unlockFailed(err error) bool {
	if !errors.Is(err, core.ErrCorrupt) {
		return false
	}
	s.uncover()
	s.failed = err
	s.window.SetContent(s.frame.build())
	s.frame.showFailure(err)
	return true
}

// uncover takes away what is in place of the frame.
func (s *Shell) uncover() {
	s.lock.cover.Leave()
	s.lock.cover, s.lock.screen = nil, nil
	if s.lock.watch != nil {
		s.lock.watch()
		s.lock.watch = nil
	}
	s.window.Canvas().Unfocus()
}

// reveal brings back what was there: the screens, if the library is still open, or the library first.
func (s *Shell) reveal() {
	s.uncover()
	s.window.SetContent(s.frame.build())
	s.registerShortcuts()
	if s.services != nil {
		s.lock.sealed, s.lock.typed = nil, nil // the screens still have it
		s.frame.open()
	} else {
		s.Go(s.open)
	}
	for _, text := range s.lock.later {
		s.Toast(text)
	}
	s.lock.later = nil
}

// closed is called before the library is closed, from another goroutine. When it returns nothing of the window uses the library any more; what
// the screens held is given back to the system, as far as the toolkit lets go of it.
func (s *Shell) closed() {
	s.mu.Lock()
	session := s.session
	s.mu.Unlock()
	session.end()
	gone := make(chan struct{})
	s.Post(func() {
		defer close(gone)
		s.unsubscribe()
		s.services, s.opened, s.entries, s.documents = nil, nil, nil, nil
		s.notices, s.strip = newNotices(s), newStrip(s)
		s.frame = newFrame(s)
		s.renew()
		debug.FreeOSMemory()
	})
	select {
	case <-gone:
	case <-s.ctx.Done(): // stop goes on from here
	}
}

func (s *Shell) unsubscribe() {
	for _, cancel := range s.subscriptions {
		cancel()
	}
	s.subscriptions = nil
}

// bare takes away what work behind the lock opened over the window.
func (s *Shell) bare() {
	if !s.locked() {
		return
	}
	allowed := 0
	if s.leaving != nil {
		allowed = 1
	}
	for list := s.window.Canvas().Overlays().List(); len(list) > allowed; list = s.window.Canvas().Overlays().List() {
		s.window.Canvas().Overlays().Remove(list[len(list)-1])
		s.lock.cover.Focus()
	}
}

// Protect encrypts the library with a passphrase, Unprotect decrypts it, behind a page that shows how far it is. then hears, on the window's
// goroutine, how it ended, when the screens are back.
func (s *Shell) Protect(pass []byte, then func(error)) {
	s.move("lock.protect", func(ctx context.Context, p core.Progress) error { return s.p.Vault.Set(ctx, pass, p) }, then)
}

// Unprotect is described at Protect.
func (s *Shell) Unprotect(pass []byte, then func(error)) {
	s.move("lock.unprotect", func(ctx context.Context, p core.Progress) error { return s.p.Vault.Remove(ctx, pass, p) }, then)
}

// move does what closes the library meanwhile.
func (s *Shell) move(key string, work func(ctx context.Context, p core.Progress) error, then func(error)) {
	if s.locked() || s.services == nil {
		return
	}
	s.lock.typed = s.drafts()
	s.hide(s.sealer())
	ctx, cancel := context.WithCancel(s.ctx)
	page := lock.NewMoving(s, key, cancel)
	s.cover(page)
	s.always(func(context.Context) {
		err := work(ctx, func(u core.Update) { s.Post(func() { page.Progress(u) }) })
		cancel()
		s.Post(func() {
			if s.ctx.Err() != nil {
				return
			}
			s.reveal()
			then(err)
		})
	})
}

// drafts are what is being typed.
func (s *Shell) drafts() map[place.Screen]string {
	typed := map[place.Screen]string{}
	for _, e := range s.entries {
		if d, ok := e.screen.(drafter); ok && d.Draft() != "" {
			typed[e.name] = d.Draft()
		}
	}
	return typed
}

// keepTyped seals what is being typed. It is in memory alone.
func (s *Shell) keepTyped() {
	raw, err := json.Marshal(s.drafts())
	if err == nil {
		s.lock.sealed, err = s.p.Vault.Seal(raw)
	}
	clear(raw)
	if err != nil {
		s.lock.sealed = nil
		slog.Warn("keep what is being typed", "error", err)
	}
}

// giveTyped brings back what was being typed.
func (s *Shell) giveTyped() {
	typed, sealed := s.lock.typed, s.lock.sealed
	s.lock.typed, s.lock.sealed = nil, nil
	if sealed != nil {
		raw, err := s.p.Vault.Unseal(sealed)
		if err == nil {
			err = json.Unmarshal(raw, &typed)
		}
		if err != nil {
			slog.Warn("what was being typed", "error", err)
			return
		}
	}
	for _, e := range s.entries {
		if d, ok := e.screen.(drafter); ok && typed[e.name] != "" {
			d.SetDraft(typed[e.name])
		}
	}
}

// watchIdle locks the window when nobody was there for as long as the settings say.
func (s *Shell) watchIdle(ctx context.Context) {
	tick := time.NewTicker(idleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.Post(s.lookIdle)
		}
	}
}

func (s *Shell) lookIdle() {
	if s.locked() || s.services == nil {
		return
	}
	minutes := s.services.Settings.Get().LockAfter
	if minutes > 0 && s.p.Display.Idle() >= time.Duration(minutes)*time.Minute {
		s.Lock()
	}
}
