package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"kakoi/app"
)

// TestDriveThatIsAwayIsNoMove: a folder that shows no file keeps its documents, though all of them are elsewhere in the library too.
func TestDriveThatIsAwayIsNoMove(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	drive, copies := b.dir+"/drive", b.dir+"/copies"
	if err := errors.Join(os.Mkdir(drive, 0o700), os.Mkdir(copies, 0o700)); err != nil {
		t.Fatal(err)
	}
	fill := func(dir string) {
		for _, name := range []string{"1.txt", "2.txt"} {
			b.write(filepath.Join(dir, name), long(3)+name)
		}
	}
	fill(drive)
	one := b.link(f, app.Folder{Path: drive, Collection: "x"})
	b.check(f, one.ID, false)
	two := b.link(f, app.Folder{Path: copies, Collection: "y"})
	fill(copies)
	b.check(f, two.ID, false)
	if err := errors.Join(os.RemoveAll(drive), os.Mkdir(drive, 0o700)); err != nil {
		t.Fatal(err)
	}
	if c := b.check(f, one.ID, true); c.Moved+c.Removed != 0 || len(c.Gone) != 2 || b.names(drive, "x") != "1.txt 2.txt" {
		t.Errorf("moved %d, removed %d, gone %d; left are %q", c.Moved, c.Removed, len(c.Gone), b.names(drive, "x"))
	}
}

// TestRemoveAllForgetsAll: of documents one of which is gone already nothing stays, texts that were read from their pictures included.
func TestRemoveAllForgetsAll(t *testing.T) {
	b := open(t, nil)
	if _, err := b.add(b.files(3, 2)); err != nil {
		t.Fatal(err)
	}
	c, err := b.library.Collection(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := b.library.List(t.Context(), "")
	if err != nil || len(docs) != 3 {
		t.Fatal(docs, err)
	}
	for _, d := range docs {
		if err := b.store.PutRecord(t.Context(), "ocr."+c.ID+d.ID, "1", []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.store.Remove(t.Context(), c.ID, docs[0].ID); err != nil {
		t.Fatal(err)
	}
	if n, err := b.library.RemoveAll(t.Context(), c, docs); err != nil || n != 3 {
		t.Errorf("%d are gone, %v", n, err)
	}
	for i, d := range docs {
		if left, err := b.store.RecordIDs(t.Context(), "ocr."+c.ID+d.ID); err != nil || len(left) > 0 {
			t.Errorf("of document %d %v is left, %v", i, left, err)
		}
	}
}

// TestAddsInTurnLeaveNoLimit: an add that waits for another one does not take the other's limits for the usual ones.
func TestAddsInTurnLeaveNoLimit(t *testing.T) {
	b := open(t, nil)
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	limit := debug.SetMemoryLimit(-1)
	held, waits := make(chan struct{}), make(chan struct{})
	b.client.Before = func([]string) error {
		select {
		case <-held:
		default:
			close(held)
			<-waits
		}
		return nil
	}
	ended := make(chan error, 2)
	add := func(dir string) {
		_, err := b.library.Add(t.Context(), app.AddPlan{Paths: []string{dir}}, app.AddOptions{})
		ended <- err
	}
	first := b.files(1, 1)
	second := filepath.Join(b.dir, "more")
	if err := os.Mkdir(second, 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(second, "b.txt"), "another text")
	go add(first)
	<-held
	go add(second)
	for len(b.library.Jobs.Running()) < 2 {
		select {
		case err := <-ended:
			t.Fatal("an add ended early", err)
		default:
		}
	}
	close(waits)
	if err := errors.Join(<-ended, <-ended); err != nil {
		t.Fatal(err)
	}
	now := debug.SetGCPercent(percent)
	if left := debug.SetMemoryLimit(limit); now != percent || left != limit {
		t.Errorf("afterwards garbage is %d percent of what is used, not %d, and the limit %d, not %d", now, percent, left, limit)
	}
}
