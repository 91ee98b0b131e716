package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"kakoi/core"
)

// screen is where a command prints and asks: the terminal of this process, or that of a guest.
type screen struct {
	Out, Err io.Writer
	Tty      ttys
	// ask reads one line from the person. It is nil where nobody can answer.
	ask func(ctx context.Context) (string, error)
	// secretly is ask for what is not to be seen while it is typed.
	secretly func(ctx context.Context) (string, error)
}

// ttys says which of the standard files are terminals, and how wide.
type ttys struct {
	In, Out, Err bool
	Width        int
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

func ownTtys() ttys {
	t := ttys{In: isTerminal(os.Stdin), Out: isTerminal(os.Stdout), Err: isTerminal(os.Stderr), Width: 80}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 && n < 1<<15 {
		t.Width = n
	}
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && ws.Col > 0 {
			t.Width = int(ws.Col)
			break
		}
	}
	if os.Getenv("TERM") == "dumb" {
		t.Out, t.Err = false, false
	}
	return t
}

// stdin reads lines of this process's standard input. One reader for the whole process, so that nothing read ahead is lost.
var stdin = sync.OnceValue(func() *bufio.Reader { return bufio.NewReader(os.Stdin) })

func askStdin(ctx context.Context) (string, error) {
	type result struct {
		line string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		line, err := stdin().ReadString('\n')
		got <- result{line, err}
	}()
	select {
	case r := <-got:
		if r.err != nil && !(errors.Is(r.err, io.EOF) && r.line != "") {
			return "", fmt.Errorf("read answer: %w", r.err)
		}
		return strings.TrimSpace(r.line), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// confirm asks a question to be answered with y. Where nobody can answer, --yes is needed.
func (c *call) confirm(ctx context.Context, yes bool, key string, args ...any) error {
	if yes {
		return nil
	}
	if !c.Tty.In || c.ask == nil {
		return core.Explain(fmt.Errorf("confirm: %w", core.ErrUsage), "error.usage.confirm")
	}
	fmt.Fprintf(c.Err, "%s [y/N] ", c.text(key, args...))
	line, err := c.ask(ctx)
	if err != nil {
		return err
	}
	switch strings.ToLower(line) {
	case "y", "yes", "ｙ", "はい":
		return nil
	}
	return context.Canceled
}

// sanitize keeps control characters of names and documents away from the terminal: they could move the cursor or
// change its title. Line ends and tabs stay when multiline is set.
func sanitize(s string, multiline bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			if multiline {
				return r
			}
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return -1
		case r == '\u202e' || r == '\u202d' || r >= '\u2066' && r <= '\u2069': // direction overrides
			return -1
		}
		return r
	}, s)
}

// columns is the width of a text on a terminal: East Asian wide characters take two.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < 0x20 || r == 0x200b || r >= 0x300 && r < 0x370 || r == 0xfe0f:
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff,
		r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// shorten cuts a text to a width on the terminal, with an ellipsis.
func shorten(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > width-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// pad fills a text with spaces to a width on the terminal.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-columns(s)))
}
