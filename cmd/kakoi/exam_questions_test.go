package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/exam"
)

const officeQuestions = "# about the office\n" +
	`{"set": "main", "lang": "en", "kind": "fact", "question": "Who is the office manager?", "accept": ["Laura Bennett"], "gold": [{"document": "rules.txt", "text": "The office manager is Laura Bennett."}]}` + "\n" +
	`{"set": "main", "lang": "en", "kind": "unit", "question": "What does a replacement card cost?", "accept": ["$15"], "gold": [{"document": "rules.txt", "text": "A replacement card costs $15."}]}` + "\n" +
	`{"set": "main", "lang": "ja", "kind": "cross", "question": "社医は誰ですか。", "absent": ["doctor"]}` + "\n"

// Natural questions are asked without an adapter, in both ways; what came of it is printed, and written to a file.
func TestExamQuestions(t *testing.T) {
	w := newWorld(t)
	w.file("rules.txt", housePaper)
	w.want(exitDone, "add", ".")
	w.file("q.jsonl", officeQuestions)
	r := w.want(exitDone, "exam", "--questions", "q.jsonl", "--details", "-o", "out.json")
	for _, part := range []string{
		"q.jsonl: 3 questions, model “starter”, adapter: none, refusals: ", "With the passages that answer", "Through the whole pipeline", "right answers", "seconds a question", "Japanese", "English",
		"o gold 2. [main, fact] Who is the office manager?", "not in the documents", "amount with a unit",
	} {
		if !strings.Contains(r.out, part) {
			t.Errorf("lacks %q:\n%s", part, r.out)
		}
	}
	raw, err := os.ReadFile(filepath.Join(w.docs, "out.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report naturalReport
	if err := json.Unmarshal(raw, &report); err != nil || report.Asked != 6 || len(report.Answers) != 6 || report.Model != "starter" {
		t.Fatalf("%v in %s", err, raw)
	}
	if x := report.of(app.AskGold, "en", "", ""); x == nil || x.Questions != 2 || x.Right.Of != 2 || x.Found.N != 2 || x.Refused.Of != 0 {
		t.Errorf("%+v", x)
	}
	if x := report.of(app.AskWhole, "ja", "main", ""); x == nil || x.Questions != 1 || x.Refused.Of != 1 {
		t.Errorf("%+v", x)
	}
	if _, err := os.Stat(filepath.Join(w.docs, "out.json.part")); !os.IsNotExist(err) {
		t.Errorf("what was kept on the way is left: %v", err)
	}
	if out := objects[naturalReport](t, w.want(exitDone, "exam", "--questions", "q.jsonl", "--gold", "--json").out); len(out) != 1 || out[0].Asked != 3 || out[0].of(app.AskWhole, "en", "", "") != nil || len(out[0].Answers) != 0 {
		t.Errorf("%+v", out)
	}
	if r := w.want(exitDone, "exam", "--questions", "q.jsonl", "--check"); !strings.Contains(r.out, "3 questions, 0 problems") {
		t.Error(r.out)
	}
	w.file("bad.jsonl", officeQuestions+"{\"set\": \"main\"}\n")
	w.file("garbage.jsonl", "no questions at all\n")
	w.file("empty.jsonl", "")
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{exitUsage, "In line 5 of the question file “question” is missing", []string{"--questions", "bad.jsonl"}},
		{exitFailed, "none.jsonl", []string{"--questions", "none.jsonl"}},
		{exitUsage, "Line 1 of the question file", []string{"--questions", "garbage.jsonl"}}, // not: there is no adapter
		{exitUsage, "has no questions", []string{"--questions", "empty.jsonl"}},
		{exitUsage, "need a file of questions", []string{"--gold"}},
		{exitUsage, "asked of one model", []string{"--questions", "q.jsonl", "--against", "none"}},
		{exitUsage, "--refusal", []string{"--questions", "q.jsonl", "--refusal", "bold"}},
		{exitFailed, "no set “samples”", []string{"--questions", "q.jsonl", "--set", "samples"}},
		{exitFailed, "“out”", []string{"--questions", "q.jsonl", "--out", "none/out"}},
	} {
		if r := w.want(c.code, append([]string{"exam"}, c.args...)...); !strings.Contains(r.err, c.says) {
			t.Errorf("%q say %s", c.args, r.err)
		}
	}
	w.file("bad.jsonl", strings.Replace(officeQuestions, `["doctor"]`, `["office", "doctor"]`, 1))
	if r := w.want(exitFailed, "exam", "--questions", "bad.jsonl", "--check"); !strings.Contains(r.out, "line 4") || !strings.Contains(r.out, "office: ") {
		t.Error(r.out)
	}
}

// What an exam has answered is kept line by line, and only whole lines of the same exam are taken up.
func TestAnswerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.json")
	f := answerFile{path: path}
	if known, err := f.open("a"); err != nil || len(known) != 0 {
		t.Fatal(known, err)
	}
	for i := range 3 {
		if err := f.keep(app.QuestionAnswer{Natural: exam.Natural{Line: i + 1, Question: "<Q>"}, Setting: app.AskGold, Given: []string{}, Citations: []core.Citation{}, Tried: exam.Tried{Mark: exam.Mark{Answer: "A", Right: true}, Seconds: 1.5}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path + ".part")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".part", raw[:len(raw)-5], 0o600); err != nil { // killed while it wrote
		t.Fatal(err)
	}
	known, err := f.open("a")
	if err != nil || len(known) != 2 || known[1].Line != 2 || known[1].Question != "<Q>" || !known[1].Right || known[1].Seconds != 1.5 {
		t.Fatal(known, err)
	}
	if err := f.keep(app.QuestionAnswer{Natural: exam.Natural{Line: 9}}); err != nil {
		t.Fatal(err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	if known, err = f.open("a"); err != nil || len(known) != 3 || known[2].Line != 9 {
		t.Fatal(known, err)
	}
	if err := f.finish(naturalReport{Key: "a", Asked: 3}); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(path); err != nil || !strings.Contains(string(raw), `"asked": 3`) {
		t.Errorf("%s, %v", raw, err)
	}
	if known, err = f.open("a"); err != nil || len(known) != 0 {
		t.Error(known, err)
	}
	if err := f.keep(app.QuestionAnswer{Natural: exam.Natural{Line: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	if known, err = f.open("b"); err != nil || len(known) != 0 { // another exam
		t.Error(known, err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	f.more = true
	if _, err := f.open("b"); err != nil {
		t.Fatal(err)
	}
	if err := f.finish(naturalReport{Key: "b"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".part"); err != nil {
		t.Errorf("answers that the report has not are gone: %v", err)
	}
	if _, err := (&answerFile{path: filepath.Dir(path)}).open("a"); err == nil {
		t.Error("a folder is no file")
	}
	none := answerFile{}
	if known, err := none.open("a"); err != nil || known != nil || none.keep(app.QuestionAnswer{}) != nil || none.finish(naturalReport{}) != nil {
		t.Error("without a file nothing is kept")
	}
}
