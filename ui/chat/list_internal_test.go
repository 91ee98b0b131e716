package chat

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/record"
)

func TestListByDayAndSearch(t *testing.T) {
	r := newRig(t)
	for i, ago := range []time.Duration{time.Hour, 20 * time.Hour, 40 * time.Hour, 400 * time.Hour} {
		r.talks.heads = append(r.talks.heads, record.Conversation{ID: fmt.Sprint("c", i), Title: fmt.Sprint("会話", i), Changed: clock().Add(-ago)})
	}
	r.m.Refresh()
	r.settle()
	var got []string
	for _, l := range r.m.Lines() {
		got = append(got, l.Title)
	}
	want := []string{"今日", "会話0", "昨日", "会話1", "それ以前", "会話2", "会話3"}
	if !slices.Equal(got, want) {
		t.Errorf("list: %q", got)
	}
	r.talks.found = []app.FoundTurn{{Conversation: r.talks.heads[3], Turn: "t", Snippet: "…有給…"}}
	r.m.Search("有給")
	r.settle()
	if lines := r.m.Lines(); len(lines) != 2 || lines[1].ID != "c3" || lines[1].Note != "…有給…" {
		t.Errorf("found: %+v", lines)
	}
	r.m.Search("")
	if len(r.m.Lines()) != len(want) {
		t.Error("the list does not come back")
	}
}

func TestExportDeleteRename(t *testing.T) {
	r := newRig(t)
	r.ask("休暇/申請: いつ?")
	id := r.m.OpenID()
	if name := r.m.ExportName(id, "md"); strings.ContainsAny(name, `/:?`) || !strings.HasSuffix(name, ".md") {
		t.Errorf("name: %q", name)
	}
	path := filepath.Join(t.TempDir(), "a.pdf")
	r.m.Export(id, path)
	r.settle()
	if raw, err := os.ReadFile(path); err != nil || string(raw) != id+" pdf ja" {
		t.Errorf("exported %q, %v", raw, err)
	}
	r.m.Export(id, filepath.Join(path, "no", "folder.md"))
	r.settle()
	if len(r.errors) != 1 {
		t.Errorf("errors: %v", r.errors)
	}
	r.m.Rename(id, "  新しい名前 ")
	r.settle()
	if r.m.Title() != "新しい名前" {
		t.Errorf("title: %q", r.m.Title())
	}
	r.m.Delete(id, true)
	r.settle()
	if !slices.Equal(r.talks.deleted, []string{id + " true"}) && !slices.Equal(r.talks.deleted, []string{id + "true"}) || r.m.OpenID() != "" || len(r.m.Lines()) != 0 {
		t.Errorf("deleted %q, open %q", r.talks.deleted, r.m.OpenID())
	}
}

func TestEmptyScreens(t *testing.T) {
	r := newRig(t)
	look := func(s app.Status) Empty {
		r.library.status = s
		r.m.Heard(app.TopicDocuments)
		r.settle()
		e, ok := r.m.Empty()
		if !ok {
			t.Fatal("not empty")
		}
		return e
	}
	if e := look(app.Status{}); !e.Documents || !e.Samples {
		t.Errorf("no documents: %+v", e)
	}
	if e := look(app.Status{Collections: []app.CollectionStatus{{Name: "main", Pending: 3}}}); e.Title != r.Text("chat.empty.pending") {
		t.Errorf("being read: %+v", e)
	}
	e := look(app.Status{Collections: []app.CollectionStatus{{Name: app.SampleCollection, Documents: 9}}})
	if len(e.Questions) != maxSuggested {
		t.Fatalf("samples: %+v", e)
	}
	r.m.AskThis(e.Questions[0])
	r.settle()
	if _, ok := r.m.Empty(); ok || r.talks.asks[0].Question != e.Questions[0] {
		t.Error("the proposed question is not asked")
	}
}
