package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
)

// secretFile writes a passphrase into a file and returns its path.
func (w *world) secretFile(pass string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "pass")
	if err := os.WriteFile(path, []byte(pass+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// elsewhere is another data folder with the same models.
func (w *world) elsewhere() *world {
	w.t.Helper()
	other := *w
	other.data = filepath.Join(w.t.TempDir(), "data")
	return &other
}

// placed are the answers of searches without what tells the machine: the same documents, order and scores.
func (w *world) placed(n int) string { return w.answers(n) }

// TestCapsule carries a library to another place, and merges: what answers there is what answered here.
func TestCapsule(t *testing.T) {
	w := newWorld(t)
	w.stock(7)
	w.want(0, "chat", "ask", "new", "Where is lamp number 203?")
	want, docs, chats := w.placed(7), w.documents(), w.want(0, "chat", "list", "--json").out
	pass, file := w.secretFile("seven lamps in a row"), filepath.Join(t.TempDir(), "all.capsule")
	s := objects[app.CapsuleSummary](t, w.want(0, "capsule", "export", "--json", "--passphrase-file", pass, file).out)[0]
	if s.Documents != 7 || s.Conversations != 1 || !s.Whole || s.Bytes == 0 {
		t.Errorf("export came to %+v", s)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || info.Size() != s.Bytes {
		t.Errorf("the file is %v, %v", info, err)
	}
	raw, err := os.ReadFile(file)
	if err != nil || bytes.Contains(raw, []byte("lamp")) || bytes.Contains(raw, []byte("part0")) {
		t.Errorf("something of it can be read: %v", err)
	}
	w.want(1, "capsule", "export", "--passphrase-file", pass, file) // there already
	w.want(0, "capsule", "export", "--replace", "--passphrase-file", pass, file)
	w.want(2, "capsule", "export", "--passphrase-file", pass, filepath.Join(w.data, "inside"))
	w.want(2, "capsule", "export", "--passphrase-file", w.secretFile("short"), filepath.Join(t.TempDir(), "x"))
	w.want(2, "capsule", "export", filepath.Join(t.TempDir(), "x")) // nobody to be asked
	if said := w.want(0, "capsule", "diff", "--passphrase-file", pass, file); !strings.Contains(said.out, "No difference: the same 7 documents") {
		t.Errorf("of itself: %q", said.out)
	}

	other := w.elsewhere()
	if said := other.want(1, "capsule", "import", "--passphrase-file", w.secretFile("seven lamps in a rov"), file); !strings.Contains(said.err, "This passphrase does not open the capsule") {
		t.Errorf("a wrong passphrase: %q", said.err)
	}
	if said := other.want(0, "capsule", "import", "--plan", "--passphrase-file", pass, file); !strings.Contains(said.out, "would take in 7 documents") {
		t.Errorf("planned: %q", said.out)
	}
	if said := other.want(0, "capsule", "import", "--passphrase-file", pass, file); !strings.Contains(said.out, "Taken in: 7 documents") {
		t.Errorf("imported: %q", said.out)
	}
	if got := other.placed(7); got != want {
		t.Errorf("elsewhere it answers\n%s\nnot\n%s", got, want)
	}
	if got := other.documents(); got != docs {
		t.Errorf("documents are\n%s\nnot\n%s", got, docs)
	}
	if got := other.want(0, "chat", "list", "--json").out; got != chats {
		t.Errorf("conversations are %s, not %s", got, chats)
	}
	if said := other.run("doctor"); !strings.Contains(said.out, "library: 7 documents, 21 passages, 0 problems") {
		t.Errorf("doctor: %q", said.out)
	}
	plan := objects[app.CapsulePlan](t, other.want(0, "capsule", "import", "--json", "--passphrase-file", pass, file).out)[0]
	if len(plan.New) != 0 || len(plan.Same) != 7 || len(plan.Both) != 0 || plan.Records != 0 || len(plan.KeptHere) != 0 {
		t.Errorf("a second time: %+v", plan)
	}
	if got := other.placed(7) + other.documents(); got != want+docs {
		t.Error("taken in twice it answers differently")
	}

	// Changed there, and here, and brought together again.
	w.file("part01.txt", "A new edition of part 1 says that lamp number 103 is blue.\n")
	w.file("part07.txt", "Part 7 is new: lamp number 703 is green.\n")
	w.want(0, "add", w.docs)
	w.want(0, "chat", "ask", "new", "Where is lamp number 303?")
	newer := filepath.Join(t.TempDir(), "newer.capsule")
	w.want(0, "capsule", "export", "--passphrase-file", pass, "--collection", "main", newer)
	d := objects[app.CapsuleDiff](t, w.want(0, "capsule", "diff", "--json", "--passphrase-file", pass, file, newer).out)[0]
	if d.Same != 6 || len(d.Changed) != 1 || d.Changed[0].Name != "part01.txt" || len(d.OnlyA) != 0 || len(d.OnlyB) != 1 || len(d.Others) != 1 || d.Others[0].In != "b" {
		t.Errorf("the difference is %+v", d)
	}
	plan = objects[app.CapsulePlan](t, other.want(0, "capsule", "import", "--json", "--passphrase-file", pass, newer).out)[0]
	if len(plan.New) != 1 || len(plan.Same) != 6 || len(plan.Both) != 1 || plan.Both[0].As != "part01 (2).txt" || plan.Records != 1 {
		t.Errorf("merged: %+v", plan)
	}
	if got := other.want(0, "search", "--json", "lamp number 703 is green").out; !strings.Contains(strings.SplitN(got, "\n", 2)[0], "part07.txt") {
		t.Errorf("what came is not found: %s", got)
	}
	for _, text := range []string{"part01.txt", "part01 (2).txt"} {
		if !strings.Contains(other.documents(), text) {
			t.Errorf("%s is not there:\n%s", text, other.documents())
		}
	}
	other.want(0, "remove", "--yes", "part01 (2).txt")
	if got := other.want(0, "search", "--json", "blue").out; strings.Contains(got, "blue") {
		t.Errorf("what came and was removed is found: %s", got)
	}
	w.want(0, "capsule", "import", "--into", "guests", "--passphrase-file", pass, file)
	if got := w.want(0, "list", "--json", "--collection", "guests").out; strings.Count(got, "\n") != 7 {
		t.Errorf("into another collection: %s", got)
	}
	w.want(1, "capsule", "export", "--collection", "none", "--passphrase-file", pass, filepath.Join(t.TempDir(), "x"))
}
