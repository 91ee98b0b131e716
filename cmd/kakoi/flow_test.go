package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/core"
)

func TestFromAddToAnswer(t *testing.T) {
	w := newWorld(t)
	w.file("rules.txt", "Every employee has twenty days of paid leave each year.\n\nThe office opens at nine o'clock.\n")
	w.file("就業規則.md", "# 就業規則\n\n年次有給休暇は入社半年後に10日与えられます。\n\n交通費は月末に支払われます。\n")
	w.file("picture.gif", "not a document")

	s := objects[app.Summary](t, w.want(0, "add", "--json", w.docs).out)[0]
	if s.Added != 2 || s.Skipped != 1 || len(s.Failed) != 0 || s.Collection != app.DefaultCollection || s.Embedded != s.Chunks || s.Chunks == 0 {
		t.Fatalf("summary is %+v", s)
	}
	again := objects[app.Summary](t, w.want(0, "--json", "add", w.docs).out)[0]
	if again.Unchanged != 2 || again.Added+again.Updated != 0 {
		t.Errorf("adding again: %+v, want two unchanged", again)
	}

	hits := objects[found](t, w.want(0, "search", "--json", "--top", "3", "有給休暇").out)
	if len(hits) == 0 || hits[0].Document != "就業規則.md" || hits[0].Rank != 1 || !strings.Contains(hits[0].Text, "有給休暇") || hits[0].Lexical <= 0 || hits[0].Dense <= 0 {
		t.Errorf("search found %+v", hits)
	}

	a := objects[core.Answer](t, w.want(0, "ask", "--json", "How many days of paid leave does an employee have?").out)[0]
	if a.Refused || !strings.Contains(a.Text, "twenty days") || a.Model != "starter" || a.PromptTokens == 0 {
		t.Errorf("answer is %+v", a)
	}
	if len(a.Citations) == 0 || a.Citations[0].Document != "rules.txt" || a.Citations[0].Page != 1 || !strings.Contains(a.Citations[0].Text, "paid leave") {
		t.Errorf("citations are %+v", a.Citations)
	}

	r := w.want(0, "ask", "有給休暇は何日ですか。")
	if !strings.Contains(r.out, "10日") || !strings.Contains(r.out, "[1] 就業規則.md p.1: ") {
		t.Errorf("answer for people is %q", r.out)
	}
	if r.err != "" {
		t.Errorf("standard error without a terminal: %q", r.err)
	}
}

func TestListStatusRemove(t *testing.T) {
	w := newWorld(t)
	if r := w.want(0, "list"); !strings.Contains(r.out, "kakoi add") {
		t.Errorf("list of nothing says %q", r.out)
	}
	path := w.file("secret.txt", "The vault code is tamarind-4711-okapi.\n")
	w.file("empty.txt", "")
	if r := w.want(1, "add", w.docs); !strings.Contains(r.err, "empty.txt") || !strings.Contains(r.out, "1 added") {
		t.Errorf("add said %q %q", r.out, r.err)
	}
	docs := objects[listed](t, w.want(0, "list", "--json").out)
	if len(docs) != 2 || docs[0].Name != "empty.txt" || docs[0].State != core.DocumentFailed || docs[0].Reason == "" || docs[1].State != core.DocumentReady {
		t.Fatalf("documents are %+v", docs)
	}
	s := objects[app.Status](t, w.want(0, "status", "--json").out)[0]
	if len(s.Collections) != 1 || s.Collections[0].Documents != 1 || s.Collections[0].Failed != 1 || s.Collections[0].Chunks != 1 || s.Stale != 0 || len(s.Unfinished) != 0 {
		t.Errorf("status is %+v", s)
	}
	if r := w.want(2, "remove", "secret.txt"); !strings.Contains(r.err, "--yes") {
		t.Errorf("remove without a terminal said %q", r.err)
	}
	w.want(0, "remove", "--yes", path)
	if r := w.want(0, "search", "tamarind"); strings.Contains(r.out, "tamarind") {
		t.Errorf("removed text is found: %q", r.out)
	}
	err := filepath.WalkDir(w.data, func(p string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", p, info.Mode().Perm())
		}
		raw, err := os.ReadFile(p)
		if strings.Contains(string(raw), "tamarind") {
			t.Errorf("removed text stands in %s", p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.want(1, "remove", "--yes", "secret.txt")
}

func TestEditedFileReplacesItsDocument(t *testing.T) {
	w := newWorld(t)
	w.file("prices.txt", sentences("prices", 60))
	first := objects[app.Summary](t, w.want(0, "add", "--json", w.docs).out)[0]
	w.file("prices.txt", sentences("prices", 60)+"The blue kettle costs 4980 yen.\n")
	second := objects[app.Summary](t, w.want(0, "add", "--json", w.docs).out)[0]
	if second.Updated != 1 || second.Embedded == 0 || second.Embedded > 3 || first.Embedded < 10 {
		t.Errorf("first %+v, second %+v: want only the changed chunks embedded", first, second)
	}
	if docs := objects[listed](t, w.want(0, "list", "--json").out); len(docs) != 1 {
		t.Errorf("%d documents, want one", len(docs))
	}
}

func TestCollections(t *testing.T) {
	w := newWorld(t)
	a, b := w.file("a.txt", "Alpha stands in the first collection.\n"), w.file("b.txt", "Beta stands in the second collection.\n")
	w.want(0, "add", "--collection", "one", a)
	if r := w.want(0, "search", "collection"); !strings.Contains(r.out, "a.txt") {
		t.Errorf("the only collection is not searched: %q", r.out)
	}
	w.want(0, "add", "--collection", "two", b)
	if r := w.want(2, "search", "collection"); !strings.Contains(r.err, "one, two") {
		t.Errorf("two collections: %q", r.err)
	}
	if r := w.want(0, "search", "--collection", "two", "collection"); !strings.Contains(r.out, "b.txt") || strings.Contains(r.out, "a.txt") {
		t.Errorf("search in two found %q", r.out)
	}
	w.want(1, "search", "--collection", "three", "collection")
}

func TestAnswerIsRefused(t *testing.T) {
	w := newWorld(t)
	if r := w.want(3, "ask", "Where is it?"); !strings.Contains(r.out, "do not say") {
		t.Errorf("an empty library answers %q", r.out)
	}
	w.file("rules.txt", "The office opens at nine o'clock.\n")
	w.want(0, "add", w.docs)
	r := w.want(3, "ask", "ゾウの平均体重は？")
	if !strings.Contains(r.out, "記載がありません") {
		t.Errorf("refusal is %q", r.out)
	}
	a := objects[core.Answer](t, w.want(3, "ask", "--json", "ゾウの平均体重は？").out)[0]
	if !a.Refused || a.Citations == nil || a.Unsupported == nil || a.Passages == nil {
		t.Errorf("answer is %+v", a)
	}
}

func TestHelpAndVersion(t *testing.T) {
	w := newWorld(t)
	if r := w.run(); !hasWindow && (r.code != exitFailed || !strings.Contains(r.err, "kakoi help")) {
		t.Errorf("without a window, kakoi says %q, exit code %d", r.err, r.code)
	}
	for _, args := range [][]string{{"help"}, {"--help"}, {"-h"}} {
		if r := w.want(0, args...); !strings.Contains(r.out, "kakoi add") || strings.Contains(r.out, "cli.") {
			t.Errorf("kakoi %v says %q", args, r.out)
		}
	}
	for _, c := range commands() {
		r := w.want(0, "help", c.name)
		if !strings.Contains(r.out, "kakoi "+c.name) || strings.Contains(r.out, "cli.") {
			t.Errorf("help on %s says %q", c.name, r.out)
		}
		if ja := w.want(0, "--lang", "ja", c.name, "--help"); ja.out == r.out || strings.Contains(ja.out, "cli.") {
			t.Errorf("Japanese help on %s says %q", c.name, ja.out)
		}
	}
	if r := w.want(0, "version"); !strings.HasPrefix(r.out, "kakoi ") {
		t.Errorf("version says %q", r.out)
	}
	if _, err := os.Stat(w.data); !os.IsNotExist(err) {
		t.Errorf("help made the data folder: %v", err)
	}
}
