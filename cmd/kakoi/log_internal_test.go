package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kakoi/core/vault"
)

func logKey(t *testing.T, text string) *vault.Key {
	t.Helper()
	k, err := vault.FromFiles(bytes.Repeat([]byte(text), 12))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestLogRotates: a log goes on in a new file where it gets too large, a few old ones stay, and reading gives the lines in their order; with a key nothing of it can be
// read on the disk. Lines of several writers stay whole.
func TestLogRotates(t *testing.T) {
	for name, key := range map[string]*vault.Key{"plain": nil, "encrypted": logKey(t, "one ")} {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			l := openLog(data, ownLog, key)
			line := func(i int) string { return fmt.Sprintf("%06d Zinnoberrot %s\n", i, strings.Repeat("x", 64<<10)) }
			const lines = 6 * logBytes / (64 << 10)
			for i := range lines {
				if i == lines/2 { // the program ends and begins again
					if err := l.Close(); err != nil {
						t.Fatal(err)
					}
					l = openLog(data, ownLog, key)
				}
				if _, err := l.Write([]byte(line(i))); err != nil {
					t.Fatal(err)
				}
			}
			files, err := filepath.Glob(filepath.Join(data, "logs", "*"))
			if err != nil || len(files) != oldLogs+1 {
				t.Errorf("files %v, %v", files, err)
			}
			for _, f := range files {
				raw, err := os.ReadFile(f)
				if err != nil || len(raw) > logBytes+1<<20 {
					t.Errorf("%s has %d bytes, %v", f, len(raw), err)
				}
				if key != nil && bytes.Contains(raw, []byte("Zinnoberrot")) {
					t.Errorf("%s can be read", f)
				}
			}
			text, err := l.read()
			got := strings.SplitAfter(string(text), "\n")
			got = got[:len(got)-1]
			if err != nil || len(got) < 2*lines/6 {
				t.Fatalf("%d lines, %v", len(got), err)
			}
			for i, g := range got {
				if want := line(lines - len(got) + i); g != want {
					t.Fatalf("line %d from the end is %.30q, want %.30q", len(got)-i, g, want)
				}
			}
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					for range 50 {
						if _, err := l.Write([]byte("short\n")); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			if text, err := l.read(); err != nil || bytes.Count(text, []byte("\nshort")) != 200 {
				t.Errorf("%d short lines, %v", bytes.Count(text, []byte("\nshort")), err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if _, err := l.Write([]byte("late\n")); !errors.Is(err, os.ErrClosed) {
				t.Errorf("written after the end: %v", err)
			}
		})
	}
}

// TestLogBegins: what lies where the log is to be keeps nobody from logging: a plain log goes where all is to be encrypted, one under another key goes aside.
func TestLogBegins(t *testing.T) {
	data := t.TempDir()
	path := filepath.Join(data, "logs", "kakoi.log")
	say := func(key *vault.Key, line string) {
		t.Helper()
		l := openLog(data, ownLog, key)
		if _, err := l.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	count := func() int {
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	say(nil, "Zinnoberrot")
	one, two := logKey(t, "one "), logKey(t, "two ")
	say(one, "first")
	if raw, err := os.ReadFile(path); err != nil || bytes.Contains(raw, []byte("Zinnoberrot")) || count() != 1 {
		t.Errorf("a plain log stays, %v", err)
	}
	say(one, "second")
	if text, err := openLog(data, ownLog, one).read(); err != nil || string(text) != "first\nsecond\n" {
		t.Errorf("read %q, %v", text, err)
	}
	say(two, "other")
	say(nil, "plain")
	if raw, err := os.ReadFile(path); err != nil || string(raw) != "plain\n" || count() != 3 {
		t.Errorf("%d files, %q, %v", count(), raw, err)
	}
	if _, err := openLog(data, ownLog, one).read(); err == nil {
		t.Error("what cannot be read is not told")
	}
}
