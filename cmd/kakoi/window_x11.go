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
	l := &opening{program: p, owner: o, call: c, done: make(chan struct{})}
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

// opening is the library of a window: it opens beside the first frame.
type opening struct {
	program *program
	owner   *owner
	call    *call

	once   sync.Once
	done   chan struct{} // closed when host and err are set
	host   *host
	err    error
	closed sync.Once
	repair sync.WaitGroup // a repair that follows one of the files
}

// open opens the data folder, once.
func (l *opening) open(ctx context.Context) (*ui.Services, error) {
	l.once.Do(func() {
		defer close(l.done)
		l.host, l.err = l.program.openHost(ctx, l.call)
	})
	if l.err != nil {
		return nil, l.err
	}
	h := l.host
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
		Folders: h.folders, Settings: h.settings, Prompts: h.prompts, Doctor: h.doctor(l.call), Backup: h.backup(l.call), Jobs: h.library.Jobs, Bus: h.bus, Close: l.close,
	}, nil
}

// wait gives the library to a guest.
func (l *opening) wait(ctx context.Context) (*host, error) {
	select {
	case <-l.done:
		return l.host, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// close sends the guests away, whose commands go on in processes of their own, and closes the library.
func (l *opening) close() (err error) {
	l.closed.Do(func() {
		l.once.Do(func() { // it was never opened
			l.err = context.Canceled
			close(l.done)
		})
		l.owner.Dismiss()
		l.owner.Close(nil)
		if l.host != nil {
			l.repair.Wait() // its context has ended
			err = l.host.Close()
		}
		slog.SetDefault(slog.New(slog.DiscardHandler))
	})
	return err
}
