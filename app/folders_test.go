package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/core"
)

func (b *bench) folders() *app.Folders {
	return &app.Folders{Store: b.store, Library: b.library, Bus: &app.Bus{}, Explain: func(err error) (string, string) { return "sentence: " + err.Error(), "hint" }}
}

// watch watches the linked folders until the test ends, or stop is called.
func (b *bench) watch(f *app.Folders) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.Watch(ctx, app.AddOptions{})
	}()
	stop = func() { cancel(); <-ended }
	b.Cleanup(stop)
	return stop
}

func (b *bench) link(f *app.Folders, folder app.Folder) app.Folder {
	b.Helper()
	one, err := f.Link(b.Context(), folder)
	if err != nil {
		b.Fatal(err)
	}
	return one
}

func (b *bench) check(f *app.Folders, id string, remove bool) app.Checked {
	b.Helper()
	c, err := f.Check(b.Context(), id, app.CheckOptions{Remove: remove})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func (b *bench) write(path, text string) {
	b.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	old := time.Now().Add(-time.Hour) // settled
	if err := os.Chtimes(path, old, old); err != nil {
		b.Fatal(err)
	}
}

// arrived waits until a collection has n documents, all of them whole.
func (b *bench) arrived(collection string, n int) {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		docs, err := b.library.List(b.Context(), collection)
		if err == nil && len(docs) == n && !slices.ContainsFunc(docs, func(d core.Document) bool { return d.State != core.DocumentReady }) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%d documents in %q, want %d (%v)", len(docs), collection, n, err)
		}
	}
}

func TestFolderFollowsItsFiles(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir := filepath.Join(b.dir, "書類 (1)")
	if err := os.MkdirAll(filepath.Join(dir, "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		b.write(filepath.Join(dir, fmt.Sprint(i, ".txt")), fmt.Sprint("Document number ", i))
	}
	b.write(filepath.Join(dir, "deep", "x.txt"), "Deep down.")
	b.write(filepath.Join(dir, "bad.pdf"), "no pdf")
	one := b.link(f, app.Folder{Path: dir, Collection: "c"})
	if c := b.check(f, one.ID, false); c.New != 5 || c.Add.Added != 4 || len(c.Add.Failed) != 1 || c.Folder.Checked.IsZero() {
		t.Fatalf("first check: %+v", c)
	}
	if c := b.check(f, one.ID, false); c.New+c.Changed != 0 || c.Add.Unchanged != 0 || len(c.Gone) != 0 {
		t.Errorf("nothing changed: %+v", c)
	}
	b.write(filepath.Join(dir, "1.txt"), "Another text altogether.")
	b.write(filepath.Join(dir, "new.txt"), "Something new.")
	if err := os.Remove(filepath.Join(dir, "2.txt")); err != nil {
		t.Fatal(err)
	}
	c := b.check(f, one.ID, false)
	if c.New != 1 || c.Changed != 1 || c.Add.Added != 1 || c.Add.Updated != 1 || len(c.Gone) != 1 || c.Gone[0].Name != "2.txt" || c.Removed != 0 {
		t.Errorf("after changes: %+v", c)
	}
	if c = b.check(f, one.ID, true); c.Removed != 1 || len(c.Gone) != 0 {
		t.Errorf("removing what is gone: %+v", c)
	}
	if docs, err := b.library.List(t.Context(), "c"); err != nil || len(docs) != 5 {
		t.Errorf("documents are %v, %v", docs, err)
	}
	if err := f.Unlink(t.Context(), one.ID); err != nil {
		t.Fatal(err)
	}
	if all, err := f.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("linked are %v, %v", all, err)
	}
	if _, err := f.Check(t.Context(), one.ID, app.CheckOptions{}); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("check of an unlinked folder: %v", err)
	}
}

// TestFolderThatIsAwayEmptiesNothing: a drive that is not connected shows no folder, or an empty one.
func TestFolderThatIsAwayEmptiesNothing(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir := b.files(3, 4)
	one := b.link(f, app.Folder{Path: dir, Remove: true})
	b.check(f, one.ID, false)
	away := dir + ".away"
	if err := os.Rename(dir, away); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Check(t.Context(), one.ID, app.CheckOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("check of a folder that is away: %v", err)
	}
	if now, err := f.Find(t.Context(), dir); err != nil || now.Problem == "" || now.Hint == "" {
		t.Errorf("remembered is %+v, %v", now, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if c := b.check(f, one.ID, true); c.Removed != 0 || len(c.Gone) != 3 {
		t.Errorf("check of an empty folder: %+v", c)
	}
	if docs, err := b.library.List(t.Context(), ""); err != nil || len(docs) != 3 {
		t.Errorf("%d documents are left, %v", len(docs), err)
	}
}

// withDrive makes a folder with a document in it, and below it the place of a drive.
func (b *bench) withDrive(name string) (dir, drive string) {
	b.Helper()
	dir = filepath.Join(b.dir, "media")
	drive = filepath.Join(dir, name)
	if err := os.MkdirAll(drive, 0o700); err != nil {
		b.Fatal(err)
	}
	b.write(filepath.Join(dir, "here.txt"), "On the disk itself.")
	return dir, drive
}

// TestDriveBelowAFolderIsAway: documents on a drive that is not connected any more stay, also when all that is gone is removed, and come
// to no harm when it is there again. What a person deletes on a drive that is connected is gone.
func TestDriveBelowAFolderIsAway(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir, drive := b.withDrive("USB メモリ (1)")
	mounted := []string{drive}
	f.Mounts = func(string) []string { return mounted }
	b.write(filepath.Join(drive, "a.txt"), "On the drive.")
	b.write(filepath.Join(drive, "b.txt"), "On the drive too.")
	one := b.link(f, app.Folder{Path: dir, Collection: "c", Remove: true})
	if c := b.check(f, one.ID, false); c.Add.Added != 3 || !slices.Equal(c.Folder.Mounts, mounted) {
		t.Fatalf("first check: %+v", c)
	}
	if err := os.Rename(drive, filepath.Join(b.dir, "unplugged")); err != nil {
		t.Fatal(err)
	}
	mounted = nil
	for _, empty := range []bool{false, true} { // the place is gone with the drive, or left empty
		if empty {
			if err := os.Mkdir(drive, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if c := b.check(f, one.ID, true); c.Away != 2 || len(c.Gone) != 0 || c.Removed != 0 || c.Folder.Away != 2 {
			t.Errorf("without the drive: %+v", c)
		}
	}
	b.arrived("c", 3)
	if err := os.Remove(drive); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(b.dir, "unplugged"), drive); err != nil {
		t.Fatal(err)
	}
	mounted = []string{drive}
	if err := os.Remove(filepath.Join(drive, "b.txt")); err != nil {
		t.Fatal(err)
	}
	if c := b.check(f, one.ID, false); c.Away != 0 || c.Removed != 1 || c.New+c.Changed != 0 {
		t.Errorf("with the drive again: %+v", c)
	}
	b.arrived("c", 2)
}

// TestRemovedDocumentOfADriveStaysOut: what a person removed does not come back with the drive, also where nothing else is on that. What is
// copied to the drive's place meanwhile is there.
func TestRemovedDocumentOfADriveStaysOut(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir, drive := b.withDrive("usb")
	mounted := []string{drive}
	f.Mounts = func(string) []string { return mounted }
	b.write(filepath.Join(drive, "out.txt"), "On the drive.")
	b.write(filepath.Join(drive, "in.txt"), "On the drive too.")
	one := b.link(f, app.Folder{Path: dir, Collection: "c", Remove: true})
	b.check(f, one.ID, false)
	erase := func(name string) {
		t.Helper()
		c, doc, err := b.library.Find(t.Context(), "c", name)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.LeaveOut(t.Context(), c.Name, doc); err != nil {
			t.Fatal(err)
		}
		if _, err := b.library.Erase(t.Context(), c, doc); err != nil {
			t.Fatal(err)
		}
	}
	erase("out.txt")
	erase("in.txt")
	b.check(f, one.ID, false)
	if err := os.Rename(drive, filepath.Join(b.dir, "unplugged")); err != nil {
		t.Fatal(err)
	}
	mounted = nil
	for range 2 {
		b.check(f, one.ID, true)
	}
	if err := os.Mkdir(drive, 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(drive, "new.txt"), "Written where the drive was.")
	for range 2 {
		if c := b.check(f, one.ID, true); c.Away != 0 || c.Folder.Away != 0 || len(c.Gone) != 0 {
			t.Errorf("a file that is there is away: %+v", c)
		}
	}
	if err := os.RemoveAll(drive); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(b.dir, "unplugged"), drive); err != nil {
		t.Fatal(err)
	}
	mounted = []string{drive}
	if c := b.check(f, one.ID, false); c.New != 0 {
		t.Errorf("what was removed came back: %+v", c)
	}
}

// TestFolderThatIsAwayCanBeChanged: watching it is ended, and it is unlinked, without the drive.
func TestFolderThatIsAwayCanBeChanged(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir := filepath.Join(b.dir, "drive")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	one := b.link(f, app.Folder{Path: dir, Collection: "c", Watch: true})
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	one.Watch = false
	if now := b.link(f, one); now.Watch {
		t.Errorf("still watched: %+v", now)
	}
	if err := f.Unlink(t.Context(), one.ID); err != nil {
		t.Error(err)
	}
	if _, err := f.Link(t.Context(), one); err == nil {
		t.Error("a folder that is not there was linked")
	}
}

// TestRemovedDocumentStaysOut: what a person removes does not come back by itself.
func TestRemovedDocumentStaysOut(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir := b.files(2, 4)
	one := b.link(f, app.Folder{Path: dir})
	b.check(f, one.ID, false)
	c, doc, err := b.library.Find(t.Context(), "", "doc00.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.library.Erase(t.Context(), c, doc); err != nil {
		t.Fatal(err)
	}
	if err := f.LeaveOut(t.Context(), c.Name, doc); err != nil {
		t.Fatal(err)
	}
	if got := b.check(f, one.ID, false); got.New != 0 {
		t.Errorf("it came back: %+v", got)
	}
	if _, err := b.add(filepath.Join(dir, "doc00.txt")); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "doc00.txt"), "Changed since.")
	if got := b.check(f, one.ID, false); got.Add.Updated != 1 {
		t.Errorf("added by name it is followed again: %+v", got)
	}
}

// TestRemovedDocumentStaysOutOfAFlood: also when so much is new that a check hands over the folder as a whole.
func TestRemovedDocumentStaysOutOfAFlood(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir := b.files(1, 1)
	one := b.link(f, app.Folder{Path: dir})
	b.check(f, one.ID, false)
	c, doc, err := b.library.Find(t.Context(), "", "doc00.txt")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.LeaveOut(t.Context(), c.Name, doc); err != nil {
		t.Fatal(err)
	}
	if _, err := b.library.Erase(t.Context(), c, doc); err != nil {
		t.Fatal(err)
	}
	for i := range 501 {
		b.write(filepath.Join(dir, fmt.Sprintf("new%03d.txt", i)), "x")
	}
	if got := b.check(f, one.ID, false); got.Add.Added != 501 {
		t.Errorf("added %d, want the 501 new ones", got.Add.Added)
	}
}

// TestWaitingCheckCanBeCancelled: the check before it may take hours.
func TestWaitingCheckCanBeCancelled(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	one := b.link(f, app.Folder{Path: b.files(1, 1)})
	b.client.Before = func([]string) error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.Check(ctx, one.ID, app.CheckOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("a check beside another one: %v", err)
		}
		return nil
	}
	if c := b.check(f, one.ID, false); c.Add.Added != 1 {
		t.Errorf("%+v", c)
	}
}

// TestUnlinkCollectionBesideAnAdd: a removal that has to wait unlinks nothing.
func TestUnlinkCollectionBesideAnAdd(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir := b.files(1, 1)
	b.link(f, app.Folder{Path: dir})
	b.client.Before = func([]string) error {
		if n, err := f.UnlinkCollection(t.Context(), app.DefaultCollection); n != 0 || !errors.Is(err, core.ErrBusy) {
			t.Errorf("unlinked %d beside an add, %v", n, err)
		}
		return nil
	}
	if _, err := b.add(dir); err != nil {
		t.Fatal(err)
	}
	b.client.Before = nil
	if n, err := f.UnlinkCollection(t.Context(), app.DefaultCollection); n != 1 || err != nil {
		t.Errorf("unlinked %d, %v", n, err)
	}
}

func TestLinkRefusals(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir := b.files(1, 1)
	if _, err := f.Link(t.Context(), app.Folder{Path: filepath.Join(dir, "doc00.txt")}); !errors.Is(err, core.ErrUsage) {
		t.Errorf("link of a file: %v", err)
	}
	if _, err := f.Link(t.Context(), app.Folder{Path: filepath.Join(dir, "nowhere")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("link of nothing: %v", err)
	}
	b.link(f, app.Folder{Path: dir, Collection: "a"})
	if _, err := f.Link(t.Context(), app.Folder{Path: dir, Collection: "b"}); !errors.Is(err, core.ErrUsage) {
		t.Errorf("link with a second collection: %v", err)
	}
	if one := b.link(f, app.Folder{Path: dir, Collection: "a", Watch: true}); !one.Watch {
		t.Errorf("linked again: %+v", one)
	}
}

// TestWatch: files that come while a folder is watched, also in folders that come, are added without being asked for.
func TestWatch(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	f.Settle = 100 * time.Millisecond
	dir := b.files(1, 2)
	stop := b.watch(f)
	b.link(f, app.Folder{Path: dir, Watch: true})
	b.arrived("", 1)
	b.write(filepath.Join(dir, "zz1.txt"), "It came while it was watched.")
	b.arrived("", 2)
	if err := os.Mkdir(filepath.Join(dir, "zzz"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "zzz", "zz2.txt"), "In a new folder.")
	b.arrived("", 3)
	stop()
}

// TestWatchOneFolderInAnother: a file in the inner folder is of both, also when the inner one was linked last, and of the outer one
// alone when the inner one is unlinked.
func TestWatchOneFolderInAnother(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	f.Settle = 50 * time.Millisecond
	outer := b.files(1, 1)
	inner := filepath.Join(outer, "inner")
	if err := os.Mkdir(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	b.watch(f)
	checked := func(id string) { // its watches are there from before the first check on
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			if one, err := f.Find(t.Context(), id); err != nil || !one.Checked.IsZero() || time.Now().After(deadline) {
				return
			}
		}
	}
	b.link(f, app.Folder{Path: outer, Collection: "outer", Watch: true})
	b.arrived("outer", 1)
	one := b.link(f, app.Folder{Path: inner, Collection: "inner", Watch: true})
	checked(one.ID)
	b.write(filepath.Join(inner, "a.txt"), "It is of both.")
	b.arrived("inner", 1)
	b.arrived("outer", 2)
	if err := f.Unlink(t.Context(), one.ID); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(inner, "b.txt"), "It is of the outer one.")
	b.arrived("outer", 3)
}
