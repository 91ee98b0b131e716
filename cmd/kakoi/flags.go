package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"kakoi/core"
)

// globals are the flags that every command has, wherever they stand.
type globals struct {
	data  string
	json  bool
	quiet bool
	lang  string
	help  bool

	unlock string // file of the passphrase of the data folder
}

func (g *globals) register(fs *flag.FlagSet) {
	fs.StringVar(&g.data, "data", g.data, "cli.flag.data")
	fs.BoolVar(&g.json, "json", g.json, "cli.flag.json")
	fs.BoolVar(&g.quiet, "quiet", g.quiet, "cli.flag.quiet")
	fs.StringVar(&g.lang, "lang", g.lang, "cli.flag.lang")
	fs.StringVar(&g.unlock, "unlock-file", g.unlock, "cli.flag.unlock_file")
	fs.BoolVar(&g.help, "help", g.help, "cli.flag.help")
	fs.BoolVar(&g.help, "h", g.help, "")
}

// newFlagSet prints nothing by itself; usage texts are keys of the translations.
func newFlagSet(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// parse reads flags that may stand before, between and behind positional arguments; "--" ends the flags.
func parse(fs *flag.FlagSet, args []string) (positional []string, err error) {
	for {
		err := fs.Parse(args)
		rest := fs.Args()
		if n := len(args) - len(rest); err != nil && n > 0 && negative(args[n-1]) && fs.Lookup(args[n-1][1:]) == nil {
			positional, args = append(positional, args[n-1]), rest // a value, as in: kakoi settings temperature -1
			continue
		}
		if err != nil {
			return nil, flagError(fs, err)
		}
		if len(rest) == 0 {
			return positional, nil
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			return append(positional, rest...), nil
		}
		positional = append(positional, rest[0])
		args = rest[1:]
	}
}

// negative says whether an argument is a number below zero.
func negative(arg string) bool {
	n, err := strconv.ParseFloat(arg, 64)
	return err == nil && n < 0 && !strings.HasPrefix(strings.ToLower(arg), "-i")
}

// leading reads the flags before the command's name and returns what follows from there.
func leading(fs *flag.FlagSet, args []string) ([]string, error) {
	if err := fs.Parse(args); err != nil {
		return nil, flagError(fs, err)
	}
	return fs.Args(), nil
}

// oneOf begins the error of a flag that takes one of some words, which follow.
const oneOf = "one of: "

// named is a flag that names something. An empty name, of a script's empty variable say, is a mistake: it would mean something else.
func named(fs *flag.FlagSet, to *string, name, usage string) {
	fs.Func(name, usage, func(text string) error {
		if text == "" {
			return errors.New("no name")
		}
		*to = text
		return nil
	})
}

// ahead looks for the flags that say how a mistake is told, wherever they stand, since the mistake may come before them.
func (g *globals) ahead(args []string) {
	for i, arg := range args {
		if arg == "--" {
			return
		}
		if arg == "" || arg[0] != '-' {
			continue
		}
		name, value, with := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch {
		case name == "lang" && !with && i+1 < len(args):
			g.lang = args[i+1]
		case name == "lang" && with:
			g.lang = value
		case name == "json" && !with:
			g.json = true
		case name == "json":
			g.json, _ = strconv.ParseBool(value) // what is no truth is told by the parser
		}
	}
}

// flagError translates the flag package's errors; they have no types.
func flagError(fs *flag.FlagSet, err error) error {
	text := err.Error()
	wrapped := fmt.Errorf("parse flags of %s: %w: %w", fs.Name(), core.ErrUsage, err)
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: "); ok {
		var names []string
		fs.VisitAll(func(f *flag.Flag) {
			if len(f.Name) > 1 {
				names = append(names, "--"+f.Name)
			}
		})
		name = "--" + strings.TrimLeft(name, "-")
		if near := nearest(name, names); near != "" {
			return core.Explain(wrapped, "error.usage.flag_near", name, near)
		}
		return core.Explain(wrapped, "error.usage.flag", name)
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		return core.Explain(wrapped, "error.usage.flag_value", "--"+strings.TrimLeft(name, "-"))
	}
	// "invalid value \"many\" for flag -top: parse error", "invalid boolean value \"x\" for -json: parse error"
	if _, quoted, ok := strings.Cut(text, "value "); ok {
		if value, rest, ok := strings.Cut(quoted, " for "); ok {
			name, why, _ := strings.Cut(strings.TrimPrefix(rest, "flag "), ":")
			name, value = "--"+strings.TrimLeft(name, "-"), strings.Trim(value, `"`)
			choices, one := strings.CutPrefix(strings.TrimSpace(why), oneOf)
			switch {
			case value == "":
				return core.Explain(wrapped, "error.usage.flag_value", name)
			case one:
				return core.Explain(wrapped, "error.usage.value", name, value, choices)
			}
			return core.Explain(wrapped, "error.usage.flag_bad", name, value)
		}
	}
	return wrapped
}

// nearest is the candidate that looks most like word, or "" when none is near.
func nearest(word string, candidates []string) string {
	best, bestDistance := "", 1+len([]rune(word))/3
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), c); d <= bestDistance && (best == "" || d < bestDistance) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
