package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/index"
)

// verify reads the whole library; nobody else may have it open.
func (w *world) verify() []index.Problem {
	w.t.Helper()
	x, err := index.Open(filepath.Join(w.data, "library"), index.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	problems, err := x.Verify(w.t.Context(), nil)
	if err := errors.Join(err, x.Close()); err != nil {
		w.t.Fatal(err)
	}
	return problems
}

func TestBadInput(t *testing.T) {
	w := newWorld(t)
	w.file("fine.txt", "The office opens at nine o'clock.\n")
	empty := w.file("bad/empty.txt", "")
	noise := make([]byte, 5000)
	for i := range noise {
		noise[i] = byte(i*i*31 + i*7 + 3)
	}
	random := w.file("bad/random.txt", string(noise))
	huge := filepath.Join(w.docs, "bad", "huge.txt")
	f, err := os.Create(huge)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(2<<30), f.Close()); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(w.docs, "loop")
	w.file("loop/inside.txt", "The loop holds one document about llamas.\n")
	if err := os.Symlink(loop, filepath.Join(loop, "again")); err != nil {
		t.Fatal(err)
	}
	w.want(0, "add", "fine.txt")

	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no such file":          {[]string{"add", "nowhere.txt"}, 1, "nowhere.txt"},
		"empty file":            {[]string{"add", empty}, 1, "empty.txt"},
		"two gigabytes of text": {[]string{"add", huge}, 1, "huge.txt"},
		"random bytes":          {[]string{"add", random}, 1, "random.txt"},
		"folder loop":           {[]string{"add", loop}, 1, "again"},
		"nothing to add":        {[]string{"add"}, 2, "PATH"},
		"unknown command":       {[]string{"serach", "x"}, 2, "Did you mean search?"},
		"very unknown command":  {[]string{"xylophone"}, 2, "xylophone"},
		"unknown flag":          {[]string{"ask", "--tempreature", "1", "x"}, 2, "--temperature"},
		"flag without value":    {[]string{"search", "x", "--top"}, 2, "--top"},
		"flag of a wrong form":  {[]string{"search", "x", "--top", "many"}, 2, "many"},
		"top out of range":      {[]string{"search", "x", "--top", "0"}, 2, "--top"},
		"temperature":           {[]string{"ask", "x", "--temperature", "-3"}, 2, "--temperature"},
		"splitter":              {[]string{"add", "--splitter", "axe", "fine.txt"}, 2, "techlab"},
		"preset":                {[]string{"ask", "--preset", "nobody's", "x"}, 1, "nobody's"},
		"no question":           {[]string{"ask"}, 2, "QUESTION"},
		"blank question":        {[]string{"ask", "  "}, 2, ""},
		"long question":         {[]string{"ask", strings.Repeat("why? ", 10_001)}, 1, "20000"},
		"blank search":          {[]string{"search", " "}, 2, ""},
		"unknown language":      {[]string{"--lang", "xx", "status"}, 2, "xx"},
		"unknown document":      {[]string{"remove", "--yes", "nobody.pdf"}, 1, "nobody.pdf"},
		"unknown model":         {[]string{"model", "use", "nobody"}, 1, "nobody"},
		"unknown model verb":    {[]string{"model", "improt", "x"}, 2, "model import"},
		"refusal":               {[]string{"ask", "--refusal", "bold", "q"}, 2, "careful"},
		"calibrate on nothing":  {[]string{"model", "calibrate", "--dataset", "none"}, 1, "none"},
		"calibrate to nowhere":  {[]string{"model", "calibrate", "--draft", "--out", "nowhere/x"}, 1, "no such file or folder"},
		"bundled model":         {[]string{"model", "remove", "--yes", "starter"}, 1, "starter"},
		"no model folder":       {[]string{"model", "import", "nowhere"}, 1, "nowhere"},
		"folder without config": {[]string{"model", "import", loop}, 1, "config.json"},
		"too many arguments":    {[]string{"status", "now"}, 2, "now"},
		"help on nothing":       {[]string{"help", "xylophone"}, 2, "xylophone"},
		"bench of nothing":      {[]string{"bench", "patience"}, 2, "ingest"},
	} {
		t.Run(name, func(t *testing.T) {
			en := finished(t, w.command(c.args...))
			if en.code != c.code || !strings.Contains(en.out+en.err, c.says) {
				t.Fatalf("exit code %d, want %d; said %q, want %q in it", en.code, c.code, en.out+en.err, c.says)
			}
			if c.code == 0 {
				return
			}
			ja := finished(t, w.command(append([]string{"--lang", "ja"}, c.args...)...))
			if name != "unknown language" && (ja.code != c.code || ja.err == en.err) {
				t.Errorf("in Japanese: exit code %d, said %q", ja.code, ja.err)
			}
			for _, said := range []string{en.err, ja.err} {
				if strings.Contains(said, "error.") || strings.Contains(said, "goroutine") || strings.Contains(said, "%!") || strings.TrimSpace(said) == "" {
					t.Errorf("not a sentence for people: %q", said)
				}
			}
		})
	}
	if docs := objects[listed](t, w.want(0, "list", "--json").out); len(docs) != 5 {
		t.Errorf("%d documents, want 2 ready and 3 failed", len(docs))
	}
}

func TestQuestionFromStandardInput(t *testing.T) {
	w := newWorld(t)
	w.want(0, "add", w.file("rules.txt", "The office opens at nine o'clock.\n"))
	for question, code := range map[string]int{"When does the office open?\n": 0, strings.Repeat("なぜですか。", 50_000/6+1): 1, "": 2} {
		cmd := w.command("ask", "-")
		cmd.Stdin = strings.NewReader(question)
		if r := finished(t, cmd); r.code != code || code == 0 && !strings.Contains(r.out, "nine") {
			t.Errorf("%.20q: exit code %d, want %d; said %q %q", question, r.code, code, r.out, r.err)
		}
	}
}

func TestErrorsAsJSON(t *testing.T) {
	w := newWorld(t)
	type failure struct {
		Error struct{ Sentence, Hint, Cause string }
	}
	f := objects[failure](t, w.want(1, "--json", "remove", "--yes", "x").out)[0]
	if f.Error.Sentence == "" || f.Error.Hint == "" {
		t.Errorf("failure is %+v", f)
	}
	s := objects[app.Summary](t, w.want(1, "--json", "add", "nowhere.txt").out)[0]
	if len(s.Failed) != 1 || s.Failed[0].Reason == "" || s.Failed[0].Hint == "" || !strings.HasSuffix(s.Failed[0].Path, "nowhere.txt") {
		t.Errorf("summary is %+v", s)
	}
}

func TestBrokenSettings(t *testing.T) {
	w := newWorld(t)
	w.want(0, "status")
	if err := os.WriteFile(filepath.Join(w.data, "settings.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := w.want(1, "status"); !strings.Contains(r.err, "settings.json") {
		t.Errorf("said %q", r.err)
	}
}

func TestDataFolderThatCannotBe(t *testing.T) {
	w := newWorld(t)
	w.data = filepath.Join(w.file("a-file", "x"), "data")
	if r := w.want(1, "status"); !strings.Contains(r.err, w.data) {
		t.Errorf("said %q", r.err)
	}
}
