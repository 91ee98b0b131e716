package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/core"
	"kakoi/resources"
)

// rules is a text of its own, long enough to be compared.
func rules(subject string) string {
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, "第%d条 %sについては、%d日以内に所定の様式により課長に届け出なければならない。\n", i+1, subject, i%7+1)
	}
	return b.String()
}

// TestRelatives: copies and versions are found by what they say, whatever they are called; the dates of the files say which is newer; nothing is
// removed or hidden; and what is gone is no relative.
func TestRelatives(t *testing.T) {
	b := open(t, nil)
	dir := t.TempDir()
	day := time.Date(2025, 4, 1, 9, 0, 0, 0, time.UTC)
	write := func(name, text string, day time.Time) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, day, day); err != nil {
			t.Fatal(err)
		}
	}
	first := rules("有給休暇の取得")
	write("規則.txt", first, day)
	write("規則(写し).txt", "\n"+first, day.AddDate(0, 1, 0))
	write("新しい規則.txt", strings.Replace(first, "3日以内に所定の様式により課長に", "3日以内に書面により部長に", 4)+"附則 この規則は令和8年から施行する。\n", day.AddDate(1, 0, 0))
	write("旅費.txt", rules("出張の旅費精算に要する領収書の提出"), day)
	if _, err := b.add(dir); err != nil {
		t.Fatal(err)
	}
	docs, err := b.library.List(t.Context(), "")
	if err != nil || len(docs) != 4 {
		t.Fatal(docs, err)
	}
	said := func(name string) string {
		t.Helper()
		_, d, err := b.library.Find(t.Context(), "", name)
		if err != nil {
			t.Fatal(err)
		}
		found, err := b.library.Relatives(t.Context(), "", d.ID)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, r := range found {
			if r.Relation != app.RelationSame && (r.Percent < 60 || r.Percent > 99) {
				t.Errorf("%s is %d%% like %s", name, r.Percent, r.Name)
			}
			lines = append(lines, string(r.Relation)+" "+r.Name)
		}
		return strings.Join(lines, ", ")
	}
	for name, want := range map[string]string{
		"規則.txt": "same 規則(写し).txt, older 新しい規則.txt", "規則(写し).txt": "same 規則.txt, older 新しい規則.txt",
		"新しい規則.txt": "newer 規則(写し).txt, newer 規則.txt", "旅費.txt": "",
	} {
		if got := said(name); got != want {
			t.Errorf("%s: %s, not %s", name, got, want)
		}
	}
	all, err := b.library.AllRelatives(t.Context(), "")
	if err != nil || len(all) != 3 {
		t.Errorf("%d documents have relatives, %v", len(all), err)
	}
	in := func(lang string) func(string, ...any) string {
		return func(key string, args ...any) string { return resources.Format(lang, key, args...) }
	}
	r := app.Relative{Relation: app.RelationOlder, Percent: 92}
	if en, ja := r.Say(in("en"), "b.pdf"), r.Say(in("ja"), "b.pdf"); en != "An earlier version of b.pdf (92% alike)" || ja != "b.pdf の古い版です(92% 一致)" {
		t.Errorf("%q, %q", en, ja)
	}
	c, d, err := b.library.Find(t.Context(), "", "規則(写し).txt")
	if err == nil {
		err = b.library.Remove(t.Context(), c, d)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := said("規則.txt"); got != "older 新しい規則.txt" {
		t.Errorf("after the removal: %s", got)
	}
	if docs, err := b.library.List(t.Context(), ""); err != nil || len(docs) != 3 || slices.ContainsFunc(docs, func(other core.Document) bool { return other.ID == d.ID }) {
		t.Error("more or less than the one document is gone")
	}
}
