package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/core"
	"kakoi/core/vault"
)

// TestNoFiles: a pipe, a device or a folder in the place of a file is refused at once, with what it is; none is waited for, and none is replaced.
func TestNoFiles(t *testing.T) {
	w := newWorld(t)
	w.stock(1)
	w.want(0, "chat", "ask", "new", "Where is lamp number 3?")
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	pass := w.secretFile("seven lamps in a row")
	for path, word := range map[string]string{pipe: "is a pipe", dir: "is a folder", "/dev/zero": "is a device"} {
		for _, args := range [][]string{
			{"restore", "--yes", path}, {"restore", "--check", path}, {"backup", "verify", path},
			{"capsule", "show", path, "--passphrase-file", pass}, {"capsule", "show", path}, {"capsule", "import", path, "--passphrase-file", pass},
			{"capsule", "diff", path, "--passphrase-file", pass}, {"capsule", "diff", path, path},
			{"receipt", "show", path}, {"receipt", "verify", path}, {"receipt", "replay", path},
			{"capsule", "export", path, "--replace", "--passphrase-file", pass}, {"backup", path, "--yes"}, {"receipt", "export", "last", path, "--yes"},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			cmd := w.command(args...)
			stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
			r := finished(t, cmd)
			if ctx.Err() != nil {
				t.Errorf("%v hangs", args)
			}
			stop()
			cancel()
			if r.code == 0 || !strings.Contains(r.err, word) {
				t.Errorf("%v: exit code %d, %s", args, r.code, r.err)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() {
				t.Fatalf("%v: %s was replaced", args, path)
			}
		}
	}
}

// TestLogOfADamagedLibrary: the log is there to be read when nothing else can be opened, encrypted or not.
func TestLogOfADamagedLibrary(t *testing.T) {
	for _, pass := range []string{"", "twelve green bottles"} {
		w := newWorld(t)
		w.stock(1)
		if pass != "" {
			w.encrypt(pass)
		}
		w.run("add", filepath.Join(w.docs, "nothing.txt")) // the log tells of it
		for _, name := range []string{"MANIFEST", "KEYREGISTRY"} {
			if err := os.WriteFile(filepath.Join(w.data, "library", name), []byte("spoilt"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.want(1, "list")
		if r := w.want(0, "log"); !strings.Contains(r.out, "nothing.txt") {
			t.Errorf("passphrase %q: %s%s", pass, r.out, r.err)
		}
	}
}

// TestRemovalTellsOfBackups: whoever removes something is told what goes with it.
func TestRemovalTellsOfBackups(t *testing.T) {
	w := newWorld(t)
	w.stock(3)
	w.want(0, "backup", "now")
	w.want(0, "backup", "now")
	name := objects[map[string]any](t, w.want(0, "list", "--json").out)[0]["name"].(string)
	if r := w.want(0, "remove", "--yes", name); !strings.Contains(r.out, "daily backups in the data folder (") {
		t.Error(r.out)
	}
	kept, err := filepath.Glob(filepath.Join(w.data, "backups", "*"))
	if err != nil || len(kept) > 0 {
		t.Error(kept, err)
	}
}

// TestSealedBackupOverAPlainLibrary: what was encrypted does not become plain without a word.
func TestSealedBackupOverAPlainLibrary(t *testing.T) {
	sealed := newWorld(t)
	sealed.stock(2)
	sealed.encrypt("twelve green bottles")
	file := filepath.Join(t.TempDir(), "backup")
	sealed.want(0, "backup", file)
	pass := sealed.passFile("twelve green bottles")

	w := newWorld(t)
	w.stock(1)
	before := w.documents()
	w.want(2, "restore", file, "--passphrase-file", pass) // nobody confirms
	if w.documents() != before {
		t.Error("restored without being asked for")
	}
	if r := w.want(0, "restore", "--yes", file, "--passphrase-file", pass); !strings.Contains(r.err, "this library has no passphrase") {
		t.Errorf("it does not say so: %s%s", r.out, r.err)
	}
	if exists(filepath.Join(w.data, vault.Name)) {
		t.Error("a passphrase came with it")
	}
	fresh := newWorld(t) // into nothing: as it was
	if r := fresh.want(0, "restore", "--yes", file, "--passphrase-file", pass); strings.Contains(r.err, "has no passphrase") || !exists(filepath.Join(fresh.data, vault.Name)) {
		t.Error(r.err)
	}
}

// typist is a screen at which somebody types.
func typist(lines ...string) (*screen, *bytes.Buffer) {
	var said bytes.Buffer
	next := func(context.Context) (string, error) {
		if len(lines) == 0 {
			return "", io.EOF
		}
		line := lines[0]
		lines = lines[1:]
		return line, nil
	}
	return &screen{Out: io.Discard, Err: &said, Tty: ttys{In: true}, ask: next, secretly: next}, &said
}

// TestPassphraseIsTypedBeforeTheFolderIsHeld: while somebody thinks about the passphrase, others can open the library; a mistyped one is asked for again, three times in all.
func TestPassphraseIsTypedBeforeTheFolderIsHeld(t *testing.T) {
	w := newWorld(t)
	w.stock(1)
	w.encrypt("twelve green bottles")
	s, said := typist()
	tries := 0
	s.secretly = func(context.Context) (string, error) {
		o, err := own(w.data)
		if err != nil || o == nil {
			t.Fatal("the folder is held while the passphrase is typed", err)
		}
		o.Release()
		tries++
		if tries == 3 {
			return "twelve green bottles", nil
		}
		return fmt.Sprint("wrong", tries), nil
	}
	p := program{home: w.home, env: func(string) string { return "" }}
	r := request{Args: []string{"--data", w.data, "--lang", "en", "log"}, Dir: w.docs, Lang: "en", Tty: s.Tty}
	if code := p.main(t.Context(), s, r); code != 0 || tries != 3 || strings.Count(said.String(), "not the passphrase") != 2 {
		t.Errorf("exit code %d after %d tries: %s", code, tries, said)
	}
	tries = -10 // never right
	if code := p.main(t.Context(), s, r); code != 1 || tries != -7 {
		t.Errorf("exit code %d after %d tries: %s", code, tries+10, said)
	}
}

// TestNewPassphrases: every command asks for a new one in the same way: twice, with a word on how hard it is to guess.
func TestNewPassphrases(t *testing.T) {
	for _, key := range []string{"cli.passphrase.new", "cli.capsule.new", "cli.pack.new_passphrase"} {
		s, said := typist("some words", "some words", "some words", "others")
		c := &call{screen: s, lang: "en", command: &command{}}
		if pass, err := c.newPassphrase(t.Context(), "", key); err != nil || string(pass) != "some words" {
			t.Errorf("%s: %q, %v", key, pass, err)
		}
		if _, word, _ := strings.Cut(said.String(), "\n"); word == "" || !strings.Contains(said.String(), "Once more:") {
			t.Errorf("%s: %s", key, said)
		}
		var told *core.UserError
		if _, err := c.newPassphrase(t.Context(), "", key); !errors.As(err, &told) || told.Key != "error.vault.differ" {
			t.Errorf("%s: two that differ: %v", key, err)
		}
	}
}

// TestWhoeverWaitsIsTold: a command that waits for a process that holds the folder and does not answer says so, and goes on when it can.
func TestWhoeverWaitsIsTold(t *testing.T) {
	dir := t.TempDir()
	o, err := own(dir)
	if err != nil || o == nil {
		t.Fatal(o, err)
	}
	told := 0
	next, _, err := enter(t.Context(), dir, request{}, &screen{}, func() {
		told++
		o.Release()
	})
	if err != nil || next == nil || told != 1 {
		t.Fatalf("told %d times, %v", told, err)
	}
	next.Release()
}
