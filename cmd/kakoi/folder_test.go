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
