package engine

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
)

const (
	tailLines  = 12
	crashLines = 5    // from the one that names the crash; what follows is a stack
	maxLine    = 1000 // bytes; longer ones are cut
)

// crashMarks stand in the line that says why a process died.
var crashMarks = []string{
	"panic: ", "fatal error: ", "SIGSEGV: ", "SIGABRT: ", "SIGBUS: ", "SIGILL: ", "SIGFPE: ", "terminate called",
	"what():", "runtime: out of memory", "error while loading shared libraries",
}

// tail keeps the last lines of a stream and the line that names a crash, and passes everything on to a log.
// It is safe for concurrent use.
type tail struct {
	mu      sync.Mutex
	log     io.Writer // may be nil
	partial []byte
	lines   []string
	crash   []string
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.log != nil {
		t.log.Write(p) // a log that cannot be written must not stop the engine
	}
	rest := p
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		t.partial = append(t.partial, rest[:i]...)
		t.line(t.partial)
		t.partial = t.partial[:0]
		rest = rest[i+1:]
	}
	if room := maxLine - len(t.partial); room > 0 {
		t.partial = append(t.partial, rest[:min(room, len(rest))]...)
	}
	return len(p), nil
}

func (t *tail) line(b []byte) {
	s := strings.TrimRight(strings.ToValidUTF8(string(b[:min(len(b), maxLine)]), "\uFFFD"), " \r\t")
	if s == "" {
		return
	}
	if n := len(t.crash); n > 0 && n < crashLines || n == 0 && namesCrash(s) {
		t.crash = append(t.crash, s)
	}
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, s)
}

func namesCrash(line string) bool {
	for _, m := range crashMarks {
		if strings.Contains(line, m) {
			return true
		}
	}
	return false
}

// words is what the process last said: the lines that name a crash where there are such, the last lines otherwise.
func (t *tail) words() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.crash) > 0 {
		return slices.Clone(t.crash)
	}
	out := slices.Clone(t.lines)
	if s := strings.TrimSpace(string(t.partial)); s != "" {
		out = append(out, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return out
}
