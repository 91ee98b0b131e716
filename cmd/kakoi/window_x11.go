//go:build x11

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"fyne.io/fyne/v2"
	fyneapp "fyne.io/fyne/v2/app"
	"golang.org/x/sys/unix"

	_ "kakoi/cmd/kakoi/early"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/core/vault"
	"kakoi/resources"
	"kakoi/ui"
)

// hasWindow says whether this build has a window.
const hasWindow = true

const appID = "org.kakoi.Kakoi"

// window opens the window over the data folder that this process owns, and runs the commands of guests beside it.
func (p *program) window(ctx context.Context, o *owner, c *call) int {
	if err := checkDisplay(); err != nil {
		return c.finish(err)
	}
	if err := windowFirst(); err != nil { // slower beside a job, no more
		slog.Warn("let the window go first", "error", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := newOpening(p, o, c)
	raise := make(chan struct{}, 1)
	if err := o.serve(c.data, p.guests(c.data, l.wait, func() {
		select {
		case raise <- struct{}{}:
		default: // asked already
		}
	})); err != nil {
		return c.finish(err)
	}
	look, err := settings.Load(filepath.Join(c.data, "settings.json"))
	if err != nil { // told when the data folder opens
		look = settings.Default()
	}
	notices := make(chan string, 1)
	environment := os.Environ() // before we and the toolkit change it
	closeBus(look.Strict)
	keepNoShaders()
	deferred := deferInput()
	a := newApp()
	if deferred {
		go openInput(ctx, func() { notices <- "window.input.late" })
	}
	go followCaret(ctx, a)
	again := false
	err = ui.Run(ctx, ui.Params{
		App: a, Fonts: filepath.Join(p.home, "fonts"), Data: c.data, Language: c.lang, Look: look, Proof: p.proof, Version: version,
		Open: l.open, Raise: raise, Notices: notices, Probe: p.env("KAKOI_PROBE"), Swapping: swapping,
		Vault: l.guarded(), Display: displayKeys(),
		Repair: app.Keep{Data: c.data}.AskRepair, Restart: func() { again = true },
	})
	if err = errors.Join(err, l.close()); again {
		if exe, xerr := os.Executable(); xerr == nil {
			// Nothing of this process is left behind: files and the lock close with it.
			err = errors.Join(err, unix.Exec(exe, os.Args, environment))
		}
	}
	if err != nil && ctx.Err() == nil {
		return c.finish(err)
	}
	return exitDone
}

// newApp starts the toolkit.
func newApp() fyne.App {
	fyneapp.SetMetadata(fyne.AppMetadata{
		ID: appID, Name: "Kakoi", Version: version, Icon: fyne.NewStaticResource("kakoi.png", resources.Icon),
		Migrations: map[string]bool{"fyneDo": true},
	})
	return fyneapp.NewWithID(appID)
}

// opening is the library of a window: it opens beside the first frame, or after the passphrase was typed, and is closed and opened again when
// it is locked and unlocked.
type opening struct {
	program *program
	owner   *owner
	call    *call
	vault   *app.Vault // nil: it cannot be read; err says why

	mu      sync.Mutex
	settled chan struct{} // closed when host and err are set
	host    *host         // nil: not open
	err     error
	over    bool   // the window has ended
	onClose func() // called before the library closes; nil: nobody wants to know
	busy    busy
	repair  sync.WaitGroup // a repair that follows one of the files
}

func newOpening(p *program, o *owner, c *call) *opening {
	l := &opening{program: p, owner: o, call: c, settled: make(chan struct{})}
	if l.vault, l.err = app.NewVault(c.data); l.err != nil { // the window tells
		close(l.settled)
		return l
	}
	l.vault.Open, l.vault.Close, l.vault.Busy = l.enter, l.leave, l.works
	return l
}

// guarded is the passphrase as the window needs it; nil where the data folder's lock cannot be read.
func (l *opening) guarded() ui.Vault {
	if l.vault == nil {
		return nil
	}
	return guarded{l.vault, l}
}

// works says whether work goes on that a lock, or an encryption, must not end. A lock waits a little longer than that.
func (l *opening) works() bool {
	l.mu.Lock()
	h := l.host
	l.mu.Unlock()
	return l.busy.now(h, l.vault.State() == app.VaultLocking)
}

// enter opens the library with its key, unless it is open.
func (l *opening) enter(ctx context.Context, key *vault.Key) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.over:
		return context.Canceled
	case l.host != nil:
		return nil
	}
	select {
	case <-l.settled: // it did not open, or was closed
		l.settled = make(chan struct{})
	default:
	}
	defer close(l.settled)
	c := *l.call
	c.key = key
	l.host, l.err = l.program.openHost(ctx, &c)
	return l.err
}

// leave closes the library: first what the window does with it ends, then the commands of guests.
func (l *opening) leave() error {
	l.mu.Lock()
	onClose := l.onClose
	l.mu.Unlock()
	if onClose != nil {
		onClose()
	}
	if err := l.owner.Interrupt(context.Background()); err != nil {
		return err
	}
	l.repair.Wait() // its context has ended
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.host == nil {
		return nil
	}
	err := l.host.Close()
	l.host = nil
	return err
}

// open gives the use-cases over the library, which it opens where there is no passphrase to be typed first.
func (l *opening) open(ctx context.Context) (*ui.Services, error) {
	if l.vault == nil {
		return nil, l.err
	}
	if err := l.enter(ctx, l.vault.Key()); err != nil {
		return nil, err
	}
	l.mu.Lock()
	h := l.host
	l.mu.Unlock()
	if h == nil { // closed at once again
		return nil, context.Canceled
	}
	// A command that opened after the loss may have left documents to be read again.
	if n, there, err := h.keep.Notice(); h.saved != nil || err == nil && there && n.Waits() {
		l.repair.Go(func() {
			opt := app.AddOptions{Explain: func(err error) (string, string) { return resources.ErrorText(l.call.lang, err) }}
			done, err := h.doctor(l.call).Repair(ctx, opt)
			if err != nil || len(done.Left) > 0 {
				slog.Warn("repair documents", "left", done.Left, "error", err)
			}
			if n, there, nerr := h.keep.Notice(); err == nil && nerr == nil && there {
				if err := h.keep.Note(n.Read(done)); err != nil {
					slog.Warn("keep what was repaired", "error", err)
				}
				h.bus.Tell(app.TopicDocuments)
			}
		})
	}
	l.repair.Go(func() { h.backups(l.call).KeepDaily(ctx) })
	return &ui.Services{
		Library: h.library, Chat: h.chat, Conversations: h.conversations, Models: h.models, Datasets: h.datasets,
		Training: h.training, Adapters: h.adapters, Packs: h.packs, Exams: h.exams, Engine: h.engine, Pages: h.pages,
		Folders: h.folders, Settings: h.settings, Prompts: h.prompts, Doctor: h.doctor(l.call), Backup: h.backup(l.call), Backups: h.backups(l.call), Capsule: h.capsule(l.call), Jobs: h.library.Jobs, Bus: h.bus, Close: l.close,
		Report: func(ctx context.Context, path, lang string) (failed []string, err error) {
			r, err := h.report(ctx, l.call, path, lang, nil)
			return r.Failed, err
		},
	}, nil
}

// wait gives the library to a guest.
func (l *opening) wait(ctx context.Context) (*host, error) {
	if l.vault == nil {
		return nil, l.err
	}
	for {
		if err := l.vault.Locked(); err != nil {
			return nil, err
		}
		l.mu.Lock()
		settled := l.settled
		l.mu.Unlock()
		select {
		case <-settled:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		l.mu.Lock()
		h, err, same := l.host, l.err, l.settled == settled
		l.mu.Unlock()
		if h != nil || err != nil {
			return h, err
		}
		if same && !pause(ctx, retryEvery) { // being closed; the vault says so in a moment
			return nil, ctx.Err()
		}
	}
}

// close sends the guests away, whose commands go on in processes of their own, and closes the library.
func (l *opening) close() (err error) {
	l.mu.Lock()
	over := l.over
	l.over = true
	if !over && l.host == nil && l.err == nil { // nobody is to wait for it
		l.err = context.Canceled
		select {
		case <-l.settled:
		default:
			close(l.settled)
		}
	}
	l.mu.Unlock()
	if over {
		return nil
	}
	l.owner.Dismiss()
	l.owner.Close(nil)
	l.repair.Wait() // its context has ended
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.host != nil {
		err = l.host.Close()
		l.host = nil
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	return err
}
