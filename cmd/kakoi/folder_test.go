package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/app"
)

func TestFolders(t *testing.T) {
	w := newWorld(t)
	w.file("sub/a.txt", "The budget for the move is 24,500 dollars.")
	b := w.file("sub/b.txt", "The move is in May.")
	if r := w.want(exitDone, "folder", "list"); !strings.Contains(r.out, "kakoi folder link") {
		t.Errorf("an empty list does not say what to do: %s", r.out)
	}
	if r := w.want(exitDone, "folder", "link", "sub", "--collection", "office"); !strings.Contains(r.out, "2 added") {
		t.Errorf("linking adds nothing: %s", r.out)
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Remove(b); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(w.file("sub/c.txt", "Rooms are on floor 3."), past, past); err != nil {
		t.Fatal(err)
	}
	checked := objects[app.Checked](t, w.want(exitDone, "folder", "check", "sub", "--json").out)
	if len(checked) != 1 || checked[0].New != 1 || len(checked[0].Gone) != 1 || checked[0].Add.Added != 1 {
		t.Errorf("check says %+v", checked)
	}
	if r := w.want(exitDone, "folder", "check", "--remove"); !strings.Contains(r.out, "gone: 1") {
		t.Errorf("removing what is gone says %s", r.out)
	}
	listed := objects[app.Folder](t, w.want(exitDone, "folder", "--json").out)
	if len(listed) != 1 || listed[0].Path != filepath.Join(w.docs, "sub") || listed[0].Collection != "office" || listed[0].Checked.IsZero() {
		t.Errorf("list says %+v", listed)
	}
	w.want(exitDone, "folder", "unlink", "sub")
	w.want(exitFailed, "folder", "unlink", "sub")
	w.want(exitUsage, "folder", "lnik", "sub")
	w.want(exitUsage, "folder", "link", "sub/a.txt")
}

func TestSamplesAndWholeCollections(t *testing.T) {
	w := newWorld(t)
	w.want(exitDone, "add", "--samples")
	s := objects[app.Status](t, w.want(exitDone, "status", "--json").out)
	if len(s) != 1 || len(s[0].Collections) != 1 || s[0].Collections[0].Name != app.SampleCollection || s[0].Collections[0].Documents < 8 {
		t.Fatalf("samples give %+v", s)
	}
	w.want(exitUsage, "remove", "--all", "--yes")
	if r := w.want(exitDone, "remove", "--all", "--collection", app.SampleCollection, "--yes"); !strings.Contains(r.out, "nothing of it is left") {
		t.Errorf("no proof: %s", r.out)
	}
	if s = objects[app.Status](t, w.want(exitDone, "status", "--json").out); len(s[0].Collections) != 0 {
		t.Errorf("after the removal: %+v", s)
	}
	w.want(exitDone, "add", "--discard")
}

// TestFolderFollowsMoves: renamed, moved to another linked folder, and edited on the way; the counts are told.
func TestFolderFollowsMoves(t *testing.T) {
	w := newWorld(t)
	text := sentences("lamps", 200)
	old := w.file("a/規程.txt", text)
	w.file("a/stays.txt", "It stays.")
	w.file("b/other.txt", "Of the other folder.")
	first := objects[app.Checked](t, w.want(exitDone, "folder", "link", "a", "--json", "--remove").out)[0]
	w.want(exitDone, "folder", "link", "b", "--remove")
	if first.Add.Embedded < 50 {
		t.Fatalf("embedded %d", first.Add.Embedded)
	}
	if err := os.Rename(old, filepath.Join(w.docs, "b", "社内規程.txt")); err != nil {
		t.Fatal(err)
	}
	moved, embedded := 0, 0
	for _, c := range objects[app.Checked](t, w.want(exitDone, "folder", "check", "--json").out) {
		moved, embedded = moved+c.Moved+c.Removed, embedded+c.Add.Embedded
	}
	if moved != 1 || embedded != 0 {
		t.Errorf("moved %d, embedded %d", moved, embedded)
	}
	docs := objects[listed](t, w.want(exitDone, "list", "--json").out)
	if len(docs) != 3 || !strings.HasSuffix(docs[2].Source, "b/社内規程.txt") {
		t.Errorf("documents are %+v", docs)
	}
	if err := os.Rename(filepath.Join(w.docs, "b", "社内規程.txt"), filepath.Join(w.docs, "b", "規程 第2版.txt")); err != nil {
		t.Fatal(err)
	}
	r := w.want(exitDone, "folder", "check", "b")
	if want := "0 of "; !strings.Contains(r.out, want) || !strings.Contains(r.out, "1 files were moved or renamed") {
		t.Errorf("said %q", r.out)
	}
	w.file("b/規程 第2版.txt", strings.Replace(text, "Line 100 of lamps says that part 700 costs", "Line 100 of lamps says that part 700 does not cost", 1))
	edited := objects[app.Checked](t, w.want(exitDone, "folder", "check", "b", "--json").out)[0].Add
	if edited.Updated != 1 || edited.Embedded < 1 || edited.Embedded > 3 || edited.Chunks < 50 {
		t.Errorf("edited: %+v", edited)
	}
}
