package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"kakoi/core"
	"kakoi/core/vault"
)

// Names of the logs in DATA/logs: of this program, and of what the engine writes to standard error.
const (
	ownLog    = "kakoi"
	engineLog = "engine"
)

const (
	logBytes   = 5 << 20 // a log goes on in a new file
	oldLogs    = 3       // that are kept of each
	logTime    = "2006-01-02T15-04-05.000"
	logsFolder = "logs"
)

// logFile writes a log in DATA/logs, each Write as a whole, under the data folder's key where it has one. The file is made by the first Write. Safe for concurrent
// use.
type logFile struct {
	path string // without ".log"
	key  *vault.Key

	mu     sync.Mutex
	to     io.WriteCloser
	size   int64
	closed bool
}

// openLog is the log of a data folder called name.
func openLog(data, name string, key *vault.Key) *logFile {
	return &logFile{path: filepath.Join(data, logsFolder, name), key: key}
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return 0, os.ErrClosed
	}
	if l.to != nil && l.size+int64(len(p)) > logBytes {
		err := l.to.Close()
		l.to = nil
		if err = errors.Join(err, l.rotate()); err != nil {
			return 0, err
		}
	}
	if l.to == nil {
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.to.Write(p)
	l.size += int64(n)
	return n, err
}

// open goes on with the log. One that cannot be gone on with goes aside, and one that is plain where the key says that nothing is to be goes for good: a log is no
// reason not to start.
func (l *logFile) open() error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return err
	}
	to, err := l.key.Append(l.path + ".log")
	if errors.Is(err, vault.ErrPlain) {
		err = os.Remove(l.path + ".log")
		if err == nil {
			to, err = l.key.Append(l.path + ".log")
		}
	} else if errors.Is(err, vault.ErrOther) || errors.Is(err, core.ErrCorrupt) || errors.Is(err, core.ErrEncrypted) {
		if err = l.rotate(); err == nil {
			to, err = l.key.Append(l.path + ".log")
		}
	}
	if err != nil {
		return err
	}
	l.to, l.size = to, 0
	if info, err := os.Stat(l.path + ".log"); err == nil {
		l.size = info.Size()
	}
	return nil
}

// rotate puts the log aside, and deletes the oldest of those.
func (l *logFile) rotate() error {
	when := time.Now()
	name := func() string { return l.path + "-" + when.Format(logTime) + ".log" }
	for existing(name()) != "" { // of this very millisecond
		when = when.Add(time.Millisecond)
	}
	if err := os.Rename(l.path+".log", name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	old, err := l.old()
	for _, name := range old[:max(0, len(old)-oldLogs)] {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// old are the files that were put aside, the oldest first.
func (l *logFile) old() ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(l.path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		stamp, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), ".log"), filepath.Base(l.path)+"-")
		if _, err := time.Parse(logTime, stamp); ok && err == nil && e.Type().IsRegular() {
			out = append(out, filepath.Join(filepath.Dir(l.path), e.Name()))
		}
	}
	slices.Sort(out)
	return out, nil
}

// read is the whole log, the oldest lines first; plain files count too, an encryption that was interrupted left them so. Files that cannot be read are left out, and told in the error.
func (l *logFile) read() ([]byte, error) {
	files, err := l.old()
	var out []byte
	for _, name := range append(files, l.path+".log") {
		text, rerr := l.key.ReadAppendedAny(name)
		if errors.Is(rerr, fs.ErrNotExist) {
			continue
		}
		out, err = append(out, text...), errors.Join(err, rerr)
	}
	return out, err
}

// Close ends the writing.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.to == nil {
		return nil
	}
	err := l.to.Close()
	l.to = nil
	return err
}

type logOptions struct {
	engine bool
	lines  int
}

func logFlags(fs *flag.FlagSet, c *call) {
	o := &logOptions{}
	fs.BoolVar(&o.engine, "engine", false, "cli.flag.log_engine")
	fs.IntVar(&o.lines, "lines", 100, "cli.flag.log_lines")
	c.options = o
}

// aloneLog shows a log without opening the library: its damage must not hide what the log says of it.
func aloneLog(_ context.Context, c *call) (done bool, err error) { return true, showLog(c, c.key) }

// runLog is for guests: the library is open in another process, or the window is.
func runLog(_ context.Context, c *call) error { return showLog(c, c.host.key) }

// showLog shows the end of a log. Where a passphrase keeps the library this is the way to read it.
func showLog(c *call, key *vault.Key) error {
	if err := c.want(0, 0); err != nil {
		return err
	}
	o, name := c.options.(*logOptions), ownLog
	if o.engine {
		name = engineLog
	}
	text, err := openLog(c.data, name, key).read()
	lines := strings.SplitAfter(string(text), "\n")
	if n := len(lines); n > 0 && lines[n-1] == "" {
		lines = lines[:n-1]
	}
	if o.lines > 0 && len(lines) > o.lines {
		lines = lines[len(lines)-o.lines:]
	}
	for _, line := range lines {
		line = strings.TrimRight(line, "\n")
		if c.json {
			if err := c.emit(map[string]string{"line": line}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(c.Out, sanitize(line, false))
	}
	if len(lines) == 0 && err == nil {
		c.say("cli.log.empty")
	}
	return err
}
