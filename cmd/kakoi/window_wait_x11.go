//go:build x11

package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/app/settings"
	"kakoi/ui"
)

// freeEvery is how often a waiting window looks whether the library is free.
const freeEvery = 250 * time.Millisecond

// explain shows in a small window what keeps the window from opening, where nobody reads standard error: the program was started
// from the desktop. said is what was written there. While a command of a terminal has the library, the program waits for its end
// and then begins anew, as if it had been started then; environment is that of its start. It returns the exit code.
func (p *program) explain(ctx context.Context, c *call, code int, said string, environment []string) int {
	if code == exitDone || c.Tty.Err || checkDisplay() != nil {
		return code
	}
	text, hint, _ := strings.Cut(strings.TrimSpace(said), "\n")
	waiting := c.data != "" && p.taken(c.data)
	shown, cancel := context.WithCancel(ctx)
	defer cancel()
	free := make(chan struct{})
	if waiting {
		hint = c.text("window.waiting")
		go func() {
			for pause(shown, freeEvery) {
				if !p.taken(c.data) {
					close(free)
					cancel()
					return
				}
			}
		}()
	}
	look, err := settings.Load(filepath.Join(c.data, "settings.json"))
	if err != nil { // told when the data folder opens
		look = settings.Default()
	}
	closeBus(look.Strict)
	ui.Note{App: newApp(), Fonts: filepath.Join(p.home, "fonts"), Language: c.lang, Look: look, Text: text, Hint: hint}.Show(shown)
	select {
	case <-free:
		if ctx.Err() == nil {
			err := unix.Exec("/proc/self/exe", append([]string{"kakoi"}, c.original...), environment)
			slog.Error("start anew", "error", err)
		}
	default: // closed by the person
	}
	return code
}

// taken says whether another process has the data folder.
func (p *program) taken(data string) bool {
	o, err := own(data)
	if o != nil {
		o.Release()
	}
	return o == nil && err == nil
}
