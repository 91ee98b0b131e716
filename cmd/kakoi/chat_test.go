package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app/record"
	"kakoi/core"
)

// talked is a world with a document and a conversation of two questions.
func talked(t *testing.T) (w *world, id string) {
	t.Helper()
	w = newWorld(t)
	w.file("rules.txt", "Every employee has twenty days of paid leave each year.\n\nThe office opens at nine o'clock.\n")
	w.want(0, "add", w.docs)
	turn := objects[record.Turn](t, w.want(0, "chat", "ask", "new", "--json", "When does the office open?").out)[0]
	id = turn.Conversation
	if g, ok := turn.Answer(); !ok || !strings.Contains(g.Answer.Text, "nine o'clock") || g.Answer.Receipt != nil {
		t.Fatalf("answered %+v", turn)
	}
	r := w.want(0, "chat", "ask", id[:6], "How many days of paid leave?")
	if !strings.Contains(r.out, "twenty days") || !strings.Contains(r.out, "[1] rules.txt p.1: ") || !strings.Contains(r.out, "Conversation "+id) {
		t.Fatalf("answered %q", r.out)
	}
	return w, id
}

func TestChat(t *testing.T) {
	w, id := talked(t)
	heads := objects[record.Conversation](t, w.want(0, "chat", "list", "--json").out)
	if len(heads) != 1 || heads[0].ID != id || heads[0].Turns != 2 || heads[0].Title != "When does the office open?" {
		t.Fatalf("heads %+v", heads)
	}
	if r := w.want(0, "chat"); !strings.Contains(r.out, id) || !strings.Contains(r.out, "2 questions") {
		t.Errorf("list says %q", r.out)
	}
	turns := objects[shownTurn](t, w.want(0, "chat", "show", "last", "--json", "--details").out)
	if len(turns) != 2 || turns[1].Parent != turns[0].ID || turns[1].Number != 2 || turns[0].Answers[0].Answer.Receipt == nil {
		t.Fatalf("turns %+v", turns)
	}
	// Another question in the place of the second, and back.
	w.want(0, "chat", "ask", "--edit", "2", id, "Does the office open at nine?")
	if r := w.want(0, "chat", "show", id); !strings.Contains(r.out, "2. Does the office open at nine?  (branch 2 of 2)") || strings.Contains(r.out, "twenty") {
		t.Errorf("edited: %q", r.out)
	}
	if r := w.want(0, "chat", "branch", id, "2", "1"); !strings.Contains(r.out, "(branch 1 of 2)") || !strings.Contains(r.out, "twenty") {
		t.Errorf("back: %q", r.out)
	}
	if r := w.want(0, "chat", "replay", id); !strings.Contains(r.out, "Identical") {
		t.Errorf("replay: %q", r.out)
	}
	again := objects[record.Turn](t, w.want(0, "chat", "again", id, "2", "--json").out)[0]
	if len(again.Answers) != 2 || again.Shown != 1 {
		t.Errorf("again %+v", again)
	}
	found := objects[foundTurn](t, w.want(0, "chat", "search", "--json", "TWENTY").out)
	if len(found) != 1 || found[0].Turn != turns[1].ID || found[0].Answer != 0 {
		t.Errorf("found %+v", found)
	}
	w.want(0, "chat", "rename", id, "The", "office")
	if r := w.want(3, "chat", "ask", "new", "ゾウの平均体重は？"); !strings.Contains(r.out, "記載がありません") {
		t.Errorf("refused: %q", r.out)
	}
	for _, wrong := range [][]string{{"chat", "shw"}, {"chat", "show"}, {"chat", "right", id, "9"}, {"chat", "branch", id, "1", "2"}, {"chat", "ask", "new", " "}, {"chat", "ask", "--edit", "1", "new", "x"}} {
		w.want(2, wrong...)
	}
	w.want(1, "chat", "show", "0000")
}

func TestChatJudgeAndCorrect(t *testing.T) {
	w, id := talked(t)
	w.want(0, "chat", "right", id, "1")
	if r := w.want(0, "chat", "show", id); !strings.Contains(r.out, "Judged right.") {
		t.Errorf("judged: %q", r.out)
	}
	w.want(2, "chat", "right", id, "--answer", "x")
	w.want(2, "chat", "wrong", id, "--answer", "x", "--absent")
	w.want(2, "chat", "wrong", id, "--place", "rules.txt")
	w.want(1, "chat", "wrong", id, "--place", "none.txt:1")
	k := objects[record.Correction](t, w.want(0, "chat", "wrong", id, "1", "--json", "--place", "rules.txt:1").out)[0]
	if k.Kind != record.CorrectPlace || k.Place.Name != "rules.txt" || !strings.Contains(k.Place.Text, "nine o'clock") {
		t.Errorf("place %+v", k)
	}
	if r := w.want(0, "chat", "wrong", id, "--answer", "Twenty."); !strings.Contains(r.out, "noted") {
		t.Errorf("corrected: %q", r.out)
	}
	if all := objects[record.Correction](t, w.want(0, "chat", "corrections", "--json").out); len(all) != 2 || all[0].Answer != "Twenty." {
		t.Errorf("corrections %+v", all)
	}
	w.want(0, "chat", "corrections", "remove", "--yes", k.ID[:6])
	if r := w.want(0, "chat", "corrections"); !strings.Contains(r.out, "Twenty.") || strings.Contains(r.out, "rules.txt") {
		t.Errorf("corrections %q", r.out)
	}
}

func TestChatExportAndDelete(t *testing.T) {
	w, id := talked(t)
	file := filepath.Join(w.docs, "out.md")
	w.want(0, "chat", "export", id, "out.md") // seen from the working folder
	text, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(text), "**[1] rules.txt p.1**") {
		t.Errorf("%s, %v", text, err)
	}
	w.want(2, "chat", "export", id, "out.md") // there is nobody to ask
	w.want(0, "chat", "export", "--yes", id, "out.md")
	w.want(2, "chat", "export", id, "out.docx")
	w.want(1, "chat", "export", id, "none/out.md")
	w.want(1, "chat", "export", id, "out.pdf") // no fonts beside this program
	entries, err := os.ReadDir(w.docs)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	w.want(2, "chat", "delete", id)
	w.want(0, "chat", "delete", "--yes", id)
	if r := w.want(0, "chat", "list"); !strings.Contains(r.out, "kakoi chat ask new") {
		t.Errorf("list says %q", r.out)
	}
}

func TestAskDetails(t *testing.T) {
	w, _ := talked(t)
	if a := objects[core.Answer](t, w.want(0, "ask", "--json", "When does the office open?").out)[0]; a.Receipt != nil {
		t.Errorf("a receipt that nobody asked for: %+v", a.Receipt)
	}
	a := objects[core.Answer](t, w.want(0, "ask", "--json", "--details", "When does the office open?").out)[0]
	if a.Receipt == nil || !strings.Contains(a.Receipt.Prompt, "nine o'clock") || len(a.Receipt.PromptSHA256) != 64 {
		t.Errorf("receipt %+v", a.Receipt)
	}
	if r := w.want(0, "ask", "--details", "When does the office open?"); !strings.Contains(r.out, a.Receipt.PromptSHA256) || !strings.Contains(r.out, a.Receipt.ModelID) {
		t.Errorf("details %q", r.out)
	}
	w.want(1, "ask", "--model", "none", "When does the office open?")
}

// Whoever removes a document is told which conversations still hold its words.
func TestRemoveTellsOfQuotes(t *testing.T) {
	w, id := talked(t)
	w.want(0, "chat", "wrong", id, "--place", "rules.txt:1")
	w.file("other.txt", "The canteen is on the second floor.\n")
	w.want(0, "add", w.docs)
	if r := w.want(0, "remove", "--yes", "other.txt"); strings.Contains(r.out, id) {
		t.Errorf("nobody quoted it: %q", r.out)
	}
	r := w.want(0, "remove", "--yes", "rules.txt")
	if !strings.Contains(r.out, "kakoi chat delete "+id) || !strings.Contains(r.out, "kakoi chat corrections remove ") {
		t.Errorf("removed with %q", r.out)
	}
	w.want(0, "chat", "delete", "--yes", "--corrections", id)
	err := filepath.WalkDir(w.data, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(p)
		if strings.Contains(string(raw), "twenty days") {
			t.Errorf("removed text stands in %s", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Two models that answer a question again stand under their own names, whatever number of answers was there before.
func TestChatAgainNamesItsModels(t *testing.T) {
	w, id := talked(t)
	second := filepath.Join(w.home, "models", "second")
	if err := os.CopyFS(second, os.DirFS(filepath.Join(w.home, "models", "starter"))); err != nil {
		t.Fatal(err)
	}
	r := w.want(0, "chat", "again", id, "1", "--model", "starter", "--model", "second")
	if at := strings.Index(r.out, "— starter"); at < 0 || strings.Index(r.out, "— second") < at {
		t.Errorf("said %q", r.out)
	}
}
