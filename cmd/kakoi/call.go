package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/resources"
)

// Exit codes.
const (
	exitDone      = 0
	exitFailed    = 1
	exitUsage     = 2
	exitNotFound  = 3
	exitCancelled = 4
)

// Results that are said already and only set the exit code.
var (
	errFailed     = errors.New("said: failed")
	errUnanswered = errors.New("said: not in the documents")
)

// command is one word of the command line.
type command struct {
	name    string
	args    string // as help shows it
	library bool   // needs the data folder
	window  bool   // opens the window, or raises the one that is open
	locked  bool   // needs no passphrase: alone does all of it in the process that owns the data folder
	early   func(h *host)
	// alone runs in the process that owns the data folder, before the library is opened; where it is done, the library stays closed.
	alone func(ctx context.Context, c *call) (done bool, err error)
	flags func(fs *flag.FlagSet, c *call) // registers its flags
	run   func(ctx context.Context, c *call) error
}

// call is one command as it was given.
type call struct {
	*screen
	globals
	program  *program
	command  *command
	options  any      // what command.flags registered
	args     []string // positional
	original []string // all arguments, as they were given
	dir      string   // working folder of whoever gave it
	lang     string
	env      func(string) string
	data     string
	typed    []byte     // passphrase of data that was typed before this process has the folder
	key      *vault.Key // of data, once it was unlocked; nil: it is not encrypted
	host     *host
	raise    func() // of a guest: brings the owner's window to the front; nil without one
}

func (p *program) parse(s *screen, r request) (*call, error) {
	c := &call{screen: s, program: p, dir: r.Dir, lang: r.Lang, env: p.env, original: r.Args}
	// A mistake is told as --json and --lang ask for, wherever they stand.
	var how globals
	how.ahead(r.Args)
	c.globals.json = how.json
	err := c.read(r.Args)
	if err != nil && slices.Contains(resources.Languages, how.lang) {
		c.lang = how.lang
	}
	return c, err
}

// read takes the arguments apart.
func (c *call) read(args []string) error {
	before := newFlagSet("kakoi")
	c.globals.register(before)
	rest, err := leading(before, args)
	if err == nil {
		err = c.language()
	}
	if err != nil {
		return err
	}
	if len(rest) == 0 && !c.help {
		c.command = windowCommand()
		return nil
	}
	if c.help {
		c.command = commandOf("help")
		c.args = rest
		c.globals.help = true
		return nil
	}
	name := rest[0]
	c.command = commandOf(name)
	if c.command == nil {
		err := fmt.Errorf("command %q: %w", name, core.ErrUsage)
		if near := nearest(name, commandNames()); near != "" {
			return core.Explain(err, "error.usage.command_near", name, near)
		}
		return core.Explain(err, "error.usage.command", name)
	}
	fs := newFlagSet(name)
	c.globals.register(fs)
	if c.command.flags != nil {
		c.command.flags(fs, c)
	}
	c.args, err = parse(fs, rest[1:])
	if lerr := c.language(); err == nil {
		err = lerr
	}
	if c.help {
		c.command, c.args = commandOf("help"), []string{name}
		return nil
	}
	return err
}

func (c *call) language() error {
	switch {
	case c.globals.lang == "":
	case slices.Contains(resources.Languages, c.globals.lang):
		c.lang = c.globals.lang
	default:
		bad := c.globals.lang
		c.globals.lang = ""
		return core.Explain(fmt.Errorf("language %q: %w", bad, core.ErrUsage), "error.usage.lang", bad)
	}
	return nil
}

// text is a translation in the language of the call.
func (c *call) text(key string, args ...any) string { return resources.Format(c.lang, key, args...) }

// path makes a path absolute, seen from the working folder of whoever gave the command.
func (c *call) path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(c.dir, p)
}

// say prints a line on standard output, unless --json or --quiet.
func (c *call) say(key string, args ...any) {
	if !c.json && !c.quiet {
		fmt.Fprintln(c.Out, c.text(key, args...))
	}
}

// emit prints one JSON object on a line of standard output.
func (c *call) emit(v any) error {
	e := json.NewEncoder(c.Out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// finish tells a person about err and gives the exit code.
func (c *call) finish(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errUnanswered):
		return exitNotFound
	case errors.Is(err, errFailed):
		return exitFailed
	case errors.Is(err, context.Canceled):
		if !c.quiet {
			fmt.Fprintln(c.Err, c.text("cli.cancelled"))
		}
		return exitCancelled
	}
	slog.Error("command", "error", err)
	sentence, hint := resources.ErrorText(c.lang, err)
	sentence, hint = sanitize(sentence, false), sanitize(c.helpful(hint), false)
	if c.json {
		failure := map[string]any{"error": map[string]string{"sentence": sentence, "hint": hint, "cause": err.Error()}}
		if c.emit(failure) != nil {
			return exitFailed // nobody listens
		}
	} else {
		fmt.Fprintln(c.Err, sentence)
		if hint != "" {
			fmt.Fprintln(c.Err, c.text("cli.hint", hint))
		}
	}
	if errors.Is(err, core.ErrUsage) {
		return exitUsage
	}
	return exitFailed
}

// helpful names the command where a hint speaks of "kakoi help COMMAND".
func (c *call) helpful(hint string) string {
	help := "kakoi help"
	if c.command != nil {
		help += " " + c.command.name
	}
	return strings.ReplaceAll(hint, c.text("cli.help.command"), help)
}

// want checks the number of positional arguments.
func (c *call) want(least, most int) error {
	switch n := len(c.args); {
	case n < least:
		return core.Explain(fmt.Errorf("%s: %d arguments: %w", c.command.name, n, core.ErrUsage), "error.usage.missing", c.usage())
	case most >= 0 && n > most:
		return core.Explain(fmt.Errorf("%s: %d arguments: %w", c.command.name, n, core.ErrUsage), "error.usage.extra", c.args[most], c.usage())
	}
	return nil
}

func (c *call) usage() string { return "kakoi " + c.command.name + " " + c.command.args }
