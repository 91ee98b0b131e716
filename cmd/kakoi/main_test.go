package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/app"
	"kakoi/app/apptest"
	"kakoi/core/engine"
	"kakoi/core/ocr"
	"kakoi/core/vault"
)

// The test binary is the program when KAKOI_TEST_PROGRAM is set: everything is real except for the engine.
func TestMain(m *testing.M) {
	if code, ok := ocr.Child(os.Args[1:]); ok {
		os.Exit(code)
	}
	if code, ok := engine.Child(os.Args[1:]); ok {
		os.Exit(code)
	}
	if os.Getenv("KAKOI_TEST_PROGRAM") == "" {
		os.Exit(m.Run())
	}
	delay, err := time.ParseDuration(os.Getenv("KAKOI_TEST_DELAY"))
	if err != nil {
		delay = 0
	}
	step, err := time.ParseDuration(os.Getenv("KAKOI_TEST_STEP"))
	if err != nil {
		step = 0
	}
	// Ctrl+C in the middle of an answer.
	var answering func(string, int) error
	if os.Getenv("KAKOI_TEST_STOP") != "" {
		answering = func(_ string, piece int) error {
			if piece == 2 {
				if err := unix.Kill(os.Getpid(), unix.SIGINT); err != nil {
					return err
				}
			}
			if piece >= 2 {
				time.Sleep(200 * time.Millisecond)
			}
			return nil
		}
	}
	os.Exit(start(os.Args[1:], func(_ context.Context, key *vault.Key) (app.Client, error) {
		return &apptest.Client{
			Key: key, Delay: delay, Gate: os.Getenv("KAKOI_TEST_GATE"), Sick: os.Getenv("KAKOI_TEST_SICK") != "", Training: func(int) error { time.Sleep(step); return nil },
			Answering: answering, Wide: os.Getenv("KAKOI_TEST_WIDE") != "",
		}, nil
	}))
}

// world is a data folder, a folder of documents and the models beside the program.
type world struct {
	t                *testing.T
	data, docs, home string
	env              []string
	unlock           string // file of the passphrase, once there is one
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, data: filepath.Join(dir, "data"), docs: filepath.Join(dir, "docs"), home: filepath.Join(dir, "home")}
	if err := apptest.Folders(filepath.Join(w.home, "models")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.docs, 0o700); err != nil {
		t.Fatal(err)
	}
	return w
}

// file writes a document and returns its path.
func (w *world) file(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.docs, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) command(args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	before := []string{"--data", w.data, "--lang", "en"}
	if w.unlock != "" {
		before = append(before, "--unlock-file", w.unlock)
	}
	cmd := exec.Command(exe, append(before, args...)...)
	cmd.Dir = w.docs
	cmd.Env = append(append(os.Environ(), "KAKOI_TEST_PROGRAM=1", "KAKOI_HOME="+w.home), w.env...)
	return cmd
}

// result is what a run of the program came to.
type result struct {
	out, err string
	code     int
}

func (w *world) run(args ...string) result {
	w.t.Helper()
	return finished(w.t, w.command(args...))
}

func finished(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// want runs the program and checks its exit code.
func (w *world) want(code int, args ...string) result {
	w.t.Helper()
	r := w.run(args...)
	if r.code != code {
		w.t.Fatalf("kakoi %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	return r
}

// objects reads output of --json.
func objects[T any](t *testing.T, out string) []T {
	t.Helper()
	var all []T
	for line := range strings.Lines(out) {
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		var v T
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, v)
	}
	return all
}

// start runs the program in the background; wait gives its result.
func (w *world) start(args ...string) (cmd *exec.Cmd, wait func() result) {
	w.t.Helper()
	cmd = w.command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return cmd, func() result {
		err := cmd.Wait()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			w.t.Fatal(err)
		}
		return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
	}
}

// until waits for a condition that another process brings about.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// sentences is a text of n different lines.
func sentences(topic string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Line %d of %s says that part %d costs %d yen and is kept in room %d.\n\n", i, topic, i*7, i*13+5, i%40)
	}
	return b.String()
}
