package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app/record"
	"kakoi/core"
)

const housePaper = "House rules\n\nThe office manager is Laura Bennett. The hotel limit is $180 per night.\nFire drills take place in April and October. A replacement card costs $15.\n"

// A dataset from documents is listed, shown, marked, edited, exported, imported again and removed.
func TestDataset(t *testing.T) {
	w := newWorld(t)
	if r := w.want(exitDone, "dataset"); !strings.Contains(r.out, "kakoi dataset build") {
		t.Errorf("an empty list does not say what to do: %s", r.out)
	}
	w.want(exitFailed, "dataset", "show")
	w.file("rules.txt", housePaper)
	w.file("terms.txt", "Shipping terms\n\nStandard delivery takes 3 business days and costs $6. Goods can be returned within 30 days of delivery.\nParcels are weighed at the front desk. The service fee is $12 per parcel.\n")
	w.want(exitDone, "add", ".")
	built := objects[record.Dataset](t, w.want(exitDone, "dataset", "build", "--seed", "3", "--json").out)
	if len(built) != 1 || built[0].Counts.Rows < 6 || built[0].Settings.Share != 0.5 || built[0].Settings.Seed != 3 || len(built[0].Documents) != 2 {
		t.Fatalf("built %+v", built)
	}
	set := built[0]
	r := w.want(exitDone, "dataset", "show")
	for _, part := range []string{"Who is the office manager?", "-> Laura Bennett.", "rules.txt:1", "for the exam", "by rule"} {
		if !strings.Contains(r.out, part) {
			t.Errorf("show lacks %q:\n%s", part, r.out)
		}
	}
	lines := strings.Split(strings.TrimSpace(w.want(exitDone, "dataset", "show", set.ID[:6], "--search", "office manager", "--json").out), "\n")
	var row core.Row
	if err := json.Unmarshal([]byte(lines[1]), &row); err != nil || row.Question != "Who is the office manager?" || row.Labels != " Laura Bennett." {
		t.Fatalf("%+v, %v", row, err)
	}
	if r := w.want(exitDone, "dataset", "row", row.ID[:8]); !strings.Contains(r.out, "Question: Who is the office manager?\nSystem: Laura Bennett.") {
		t.Errorf("the prompt is not shown: %s", r.out)
	}
	if r := w.want(exitDone, "dataset", "drop", row.ID[:8]); !strings.Contains(r.out, "1 dropped") {
		t.Errorf("drop says %s", r.out)
	}
	w.want(exitDone, "dataset", "keep", row.ID)
	edited := objects[core.Row](t, w.want(exitDone, "dataset", "edit", row.ID, "--answer", "It is Laura Bennett.", "--json").out)
	if len(edited) != 1 || edited[0].Labels != " It is Laura Bennett." || edited[0].State != core.RowKept {
		t.Errorf("edited %+v", edited)
	}
	w.want(exitUsage, "dataset", "edit", edited[0].ID)
	out := filepath.Join(w.docs, "out.csv")
	w.want(exitDone, "dataset", "export", "out.csv")
	if raw, err := os.ReadFile(out); err != nil || !strings.HasPrefix(string(raw), "\ufeffinputs,labels\n") {
		t.Errorf("%q, %v", raw, err)
	}
	w.want(exitUsage, "dataset", "export", "out.csv", "--form", "xml", "--yes")
	again := objects[record.Dataset](t, w.want(exitDone, "dataset", "import", "out.csv", "--name", "again", "--held", "0", "--json").out)
	if len(again) != 1 || again[0].Counts.Rows != set.Counts.Rows || again[0].Name != "again" || again[0].Counts.Held != 0 {
		t.Errorf("imported %+v", again)
	}
	w.want(exitDone, "dataset", "rename", "again", "second", "set")
	if r := w.want(exitDone, "dataset", "list"); !strings.Contains(r.out, "second set") || !strings.Contains(r.out, set.ID) {
		t.Errorf("list says %s", r.out)
	}
	if r := w.want(exitDone, "remove", "rules.txt", "--yes"); !strings.Contains(r.out, set.ID) {
		t.Errorf("removing a document does not name the dataset: %s", r.out)
	}
	w.want(exitDone, "dataset", "remove", "second set", "--yes")
	w.want(exitFailed, "dataset", "remove", "second set", "--yes")
}

// Bad input is told in words and numbers, with exit codes that scripts can use.
func TestDatasetBadInput(t *testing.T) {
	w := newWorld(t)
	w.want(exitUsage, "dataset", "biuld")
	w.want(exitUsage, "dataset", "build", "--share", "0.95")
	w.want(exitUsage, "dataset", "build", "--held", "nan")
	w.want(exitUsage, "dataset", "build", "--rows", "0")
	w.want(exitFailed, "dataset", "build")
	w.want(exitFailed, "dataset", "import", "nothing.csv")
	w.file("bad.csv", "question,answer\nno answer?,\n,no question\n")
	if r := w.want(exitFailed, "dataset", "import", "bad.csv"); !strings.Contains(r.err, "line 2: ") || !strings.Contains(r.err, "line 3: ") || !strings.Contains(r.err, "none can be used") {
		t.Errorf("bad lines are not told: %s", r.err)
	}
	w.file("names.csv", "x,y\nWhat is the hotel limit?,$180\n")
	if r := w.want(exitUsage, "dataset", "import", "names.csv"); !strings.Contains(r.err, "--question-column") {
		t.Errorf("unknown columns: %s", r.err)
	}
	w.file("rules.txt", housePaper)
	w.want(exitDone, "add", "rules.txt")
	r := w.want(exitDone, "dataset", "import", "names.csv", "--question-column", "x", "--answer-column", "y")
	if !strings.Contains(r.out, "No row is held back") {
		t.Errorf("a held-out set of nothing is not told: %s", r.out)
	}
	if r := w.want(exitDone, "dataset", "import", "names.csv", "--question-column", "x", "--answer-column", "y", "--preview"); !strings.Contains(r.out, "hotel limit?") {
		t.Errorf("the preview shows nothing: %s", r.out)
	}
	w.file("far.csv", "question,answer\nゾウの体重は何トンですか。,5トンです。\n")
	if r := w.want(exitFailed, "dataset", "import", "far.csv"); !strings.Contains(r.err, "nothing in the documents") {
		t.Errorf("questions about nothing: %s", r.err)
	}
	if r := w.want(exitUsage, "dataset", "build", "--share", "2", "--lang", "ja"); !strings.Contains(r.err, "割合") {
		t.Errorf("not in Japanese: %s", r.err)
	}
}
