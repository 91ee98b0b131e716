package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"kakoi/core/closed"
	"kakoi/core/engine"
	"kakoi/core/ocr"
	"kakoi/core/vault"
)

// version is set by the build.
var version = "unknown"

func main() {
	if code, ok := ocr.Child(os.Args[1:]); ok {
		os.Exit(code)
	}
	if code, ok := engine.Child(os.Args[1:]); ok {
		os.Exit(code)
	}
	os.Exit(start(os.Args[1:], nil))
}

// start closes the process to every network before anything else, then runs the command.
func start(args []string, other starter) int {
	proof, err := closed.Lock()
	if err != nil {
		c := call{screen: &screen{Out: os.Stdout, Err: os.Stderr}, lang: languageOf(os.Getenv), env: os.Getenv}
		return c.finish(err)
	}
	if code, ok := probe(args); ok {
		return code
	}
	unix.Umask(0o077)
	slog.SetDefault(slog.New(slog.DiscardHandler)) // until a data folder is open
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // the second Ctrl+C ends the process at once
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	p := program{proof: proof, home: homeDir(), env: os.Getenv, engine: other}
	s := &screen{Out: os.Stdout, Err: os.Stderr, Tty: ownTtys(), ask: askStdin, secretly: askStdinSecretly}
	return p.main(ctx, s, request{Args: args, Dir: dir, Lang: languageOf(os.Getenv), Tty: s.Tty})
}

// program is what does not change while the process runs.
type program struct {
	proof  closed.Proof
	home   string              // folder of the engine, its libraries and the bundled models
	env    func(string) string // os.Getenv
	engine starter             // nil: the engine process
}

// main runs one command, in this process or in the one that owns the data folder.
func (p *program) main(ctx context.Context, s *screen, r request) int {
	c, err := p.parse(s, r)
	if err != nil || c.command == nil || c.command.run == nil {
		return c.finish(err)
	}
	if err := c.question(&r); err != nil {
		return c.finish(err)
	}
	if !c.command.library {
		return c.finish(c.command.run(ctx, c))
	}
	if c.command.window && !hasWindow {
		return c.finish(errNoWindow())
	}
	environment := os.Environ() // the window's toolkit changes it
	heard := hearing{Writer: s.Err}
	if c.command.window {
		s.Err = &heard
	}
	data, err := p.dataDir(c)
	if err != nil {
		code := c.finish(err)
		if c.command.window {
			code = p.explain(ctx, c, code, heard.said(), environment)
		}
		return code
	}
	c.data = data
	c.lang = c.settledLanguage()
	r.Lang = c.lang
	for try := 1; ; try++ {
		if err := c.ahead(ctx); err != nil {
			return c.finish(err)
		}
		typed := c.typed != nil
		owner, code, err := enter(ctx, data, r, s, c.waiting)
		if owner == nil {
			if err != nil {
				code = c.finish(err)
			}
			if c.command.window {
				code = p.explain(ctx, c, code, heard.said(), environment)
			}
			return code
		}
		if c.command.window {
			defer owner.Release()
			return p.window(ctx, owner, c)
		}
		if !c.command.locked {
			err = c.unlock(ctx)
		}
		if errors.Is(err, vault.ErrPassphrase) && typed && try < mostTries {
			owner.Release()
			fmt.Fprintln(s.Err, c.text("error.vault.passphrase"))
			continue
		}
		defer owner.Release()
		if err != nil {
			return c.finish(err)
		}
		return p.own(ctx, owner, c)
	}
}

// waiting tells whoever waits for another process that neither answers nor ends.
func (c *call) waiting() {
	if !c.quiet {
		fmt.Fprintln(c.Err, c.text("cli.instance.asking"))
	}
}

// guests runs the commands of other processes. opened gives the library, as soon as it is open; raise, unless nil,
// brings this process's window to the front.
func (p *program) guests(data string, opened func(ctx context.Context) (*host, error), raise func()) runFunc {
	return func(ctx context.Context, s *screen, r request) int {
		c, err := p.parse(s, r)
		if err != nil || c.command == nil || c.command.run == nil {
			return c.finish(err)
		}
		c.data, c.raise = data, raise
		if !c.command.window {
			if c.host, err = opened(ctx); err != nil {
				return c.finish(err)
			}
		}
		return c.finish(c.command.run(ctx, c))
	}
}

// own runs a command with this process as the owner of the data folder, and those of guests beside it.
func (p *program) own(ctx context.Context, o *owner, c *call) int {
	defer c.key.Close()
	if c.command.alone != nil {
		if done, err := c.command.alone(ctx, c); done || err != nil {
			return c.finish(err)
		}
	}
	h, err := p.openHost(ctx, c)
	if err != nil {
		return c.finish(err)
	}
	err = o.serve(c.data, p.guests(c.data, func(context.Context) (*host, error) { return h, nil }, nil))
	code := 0
	if err != nil {
		code = c.finish(err)
	} else {
		c.host = h
		code = c.finish(c.command.run(ctx, c))
		c.daily(ctx)
	}
	o.Close(func() {
		if !c.quiet {
			fmt.Fprintln(c.Err, c.text("cli.instance.waiting"))
		}
	})
	if err := h.Close(); err != nil && code == exitDone {
		return c.finish(err)
	}
	return code
}

// hearing keeps what is written, besides passing it on.
type hearing struct {
	io.Writer
	kept bytes.Buffer
}

func (h *hearing) Write(b []byte) (int, error) {
	h.kept.Write(b)
	return h.Writer.Write(b)
}

func (h *hearing) said() string { return h.kept.String() }
