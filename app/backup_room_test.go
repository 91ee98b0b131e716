package app_test

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/resources"
)

// stocked is a backup of a library of some documents.
func stocked(t *testing.T) (*app.Backup, string) {
	t.Helper()
	b := open(t, nil)
	if _, err := b.add(b.files(30, 60)); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	return &app.Backup{Data: data, Store: b.store.(app.Indexed).Index, Jobs: b.library.Jobs, Version: "test"}, t.TempDir()
}

// TestBackupWhileTheDiskFills: a disk that fills while a backup is written ends it with a sentence; the half one is gone, the older one stays what it was, and with room the next goes well.
func TestBackupWhileTheDiskFills(t *testing.T) {
	b, dir := stocked(t)
	path := filepath.Join(dir, "kakoi.backup")
	first, err := b.Save(t.Context(), path, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The kernel refuses to let a file grow, as a full disk does, and without a mount.
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := unix.Rlimit{Cur: uint64(first.Bytes / 2), Max: limit.Max}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	_, err = b.Save(t.Context(), path, true, nil)
	if rerr := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); rerr != nil {
		t.Fatal(rerr)
	}
	sentence, hint := resources.ErrorText("en", err)
	if !errors.Is(err, core.ErrNoSpace) || !strings.Contains(sentence, "full") || hint == "" {
		t.Errorf("%v: %s %s", err, sentence, hint)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(before) {
		t.Errorf("the older backup is another one, %v", err)
	}
	if _, err := b.Look(t.Context(), path, nil); err != nil {
		t.Error(err)
	}
	if again, err := b.Save(t.Context(), path, true, nil); err != nil || again.Documents != first.Documents {
		t.Errorf("with room: %+v, %v", again, err)
	}
}

// TestBackupWaits: a backup beside an add says what it waits for, and can be given up meanwhile without a trace.
func TestBackupWaits(t *testing.T) {
	b, dir := stocked(t)
	release := make(chan struct{})
	adding := b.Jobs.Start(t.Context(), job.Name{Key: "job.add", Note: "share"}, func(context.Context, core.Progress) error { <-release; return nil }, nil)
	for adding.State().Elapsed == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var behind []job.Name
	_, err := b.Save(ctx, filepath.Join(dir, "b"), false, func(s job.State) {
		if !s.Ended {
			behind = append(behind, s.Behind)
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || len(behind) == 0 || behind[0] != adding.Name {
		t.Errorf("%v, behind %v", err, behind)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	close(release)
	if s, err := b.Save(t.Context(), filepath.Join(dir, "b"), false, nil); err != nil || s.Documents != 30 {
		t.Errorf("after it: %+v, %v", s, err)
	}
}
