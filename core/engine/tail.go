package engine

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

const (
	tailLines = 12
	maxLine   = 1000 // bytes; longer ones are cut
)

// crashMarks begin the one line that says why a process died; what follows them is a stack.
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
	crash   string
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
	if t.crash == "" {
		for _, m := range crashMarks {
			if strings.Contains(s, m) {
				t.crash = s
				break
			}
		}
	}
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, s)
}

// words is what the process last said: the crash line first, then the last lines.
func (t *tail) words() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	if t.crash != "" {
		out = append(out, t.crash)
	}
	for _, l := range t.lines {
		if l != t.crash {
			out = append(out, l)
		}
	}
	if s := strings.TrimSpace(string(t.partial)); s != "" {
		out = append(out, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return out
}
