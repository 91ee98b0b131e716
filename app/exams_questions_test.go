package app_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"kakoi/app"
	"kakoi/app/apptest"
	"kakoi/core"
	"kakoi/core/exam"
	"kakoi/core/ingest"
	"kakoi/resources"
)

// naturalFile is the question set of the repository.
const naturalFile = "../resources/questions/questions.jsonl"

// examsOf gives a bench exams.
func examsOf(b *bench) *app.Exams {
	b.chat.Prompts = append(b.chat.Prompts, resources.Prompts)
	return &app.Exams{Store: b.store, Chat: b.chat, Bus: &app.Bus{}}
}

// TestNaturalQuestions holds the question set to what is said of it, and its questions on the samples to these as they are read.
func TestNaturalQuestions(t *testing.T) {
	raw, err := os.ReadFile(naturalFile)
	if err != nil {
		t.Fatal(err)
	}
	all, err := exam.ParseNatural(raw)
	if err != nil {
		t.Fatal(err)
	}
	asked, absent, kinds := map[string]int{}, map[string]int{}, map[string]int{}
	sets := map[string]map[string]int{}
	for _, q := range all {
		asked[q.Lang]++
		kinds[q.Kind]++
		if sets[q.Set] == nil {
			sets[q.Set] = map[string]int{}
		}
		sets[q.Set][q.Lang]++
		if !q.Answerable() {
			absent[q.Lang]++
		}
		japanese := strings.ContainsFunc(q.Question, func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) })
		if japanese != (q.Lang == "ja") {
			t.Errorf("line %d: %q is said to be %s", q.Line, q.Question, q.Lang)
		}
		for _, g := range q.Gold {
			if q.Set != "samples" && (!strings.HasPrefix(g.Document, "sect.") || len([]rune(g.Text)) > 200) {
				t.Errorf("line %d: %q: %q is no short excerpt of the book", q.Line, g.Document, g.Text)
			}
		}
		for _, form := range q.Accept {
			if m := q.Judge(exam.Given{Text: form}); !m.Right {
				t.Errorf("line %d: the accepted %q is not right: %+v", q.Line, form, m)
			}
		}
	}
	for _, lang := range exam.Languages {
		if asked[lang] < 150 || 3*absent[lang] < asked[lang]-5 || 3*absent[lang] > asked[lang]+5 {
			t.Errorf("%s: %d questions, %d of them unanswerable", lang, asked[lang], absent[lang])
		}
		if sets["samples"][lang] < 50 || sets["handbook-"+lang][lang] < 50 {
			t.Errorf("%s: by set %v", lang, sets)
		}
	}
	for _, kind := range exam.NaturalKinds {
		if kinds[kind] < 4 {
			t.Errorf("%d questions of the kind %s", kinds[kind], kind)
		}
	}
	if matches, err := fs.Glob(resources.Samples, "*.json*"); err != nil || len(matches) > 0 {
		t.Errorf("questions lie among the samples, which are added as documents: %v, %v", matches, err)
	}

	b := open(t, nil)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	b.library.Read = ingest.Options{CacheDir: filepath.Join(cache, "kakoi-build", "wasm")}
	if s, err := b.library.AddSamples(t.Context(), resources.Samples, filepath.Join(b.dir, "samples"), app.AddPlan{Collection: app.SampleCollection}, app.AddOptions{
		Explain: func(err error) (string, string) { return resources.ErrorText("en", err) },
	}); err != nil || s.Added != 10 {
		t.Fatalf("%+v, %v", s, err)
	}
	n, problems, err := examsOf(b).CheckQuestions(t.Context(), app.QuestionPlan{Path: naturalFile, Set: app.SampleCollection})
	if err != nil || n < 100 || len(problems) > 0 {
		t.Errorf("%d questions, %+v, %v", n, problems, err)
	}
}

// line writes one line of a question file about the collection "main".
func line(kind, question, rest string) string {
	return `{"set": "main", "lang": "en", "kind": "` + kind + `", "question": "` + question + `", ` + rest + "}\n"
}

// quiz is a bench with three documents, exams, and questions about them.
func quiz(t *testing.T) (*bench, *app.Exams, string) {
	t.Helper()
	b := open(t, nil)
	b.client.Wide = true
	dir := filepath.Join(b.dir, "papers")
	for name, text := range map[string]string{
		"house.txt": "The office manager is Laura Bennett.", "trips.txt": "The hotel limit is $180 per night.", "cards.txt": "A replacement card costs $15.\nA second\ncard is free.",
		"other.txt": "Somebody wrote Laura Bennett here, the office.",
	} {
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := b.add(dir); err != nil || s.Added != 4 {
		t.Fatalf("%+v, %v", s, err)
	}
	path := filepath.Join(b.dir, "q.jsonl")
	file := line("fact", "Who is the office manager?", `"accept": ["Laura Bennett"], "gold": [{"document": "house.txt", "text": "manager is Laura Bennett"}]`) +
		line("unit", "What is the hotel limit per night?", `"accept": ["$180", "180 dollars"], "gold": [{"document": "trips.txt", "text": "hotel limit is $180"}]`) +
		line("compare", "Is a second card a replacement card?", `"accept": ["No"], "gold": [{"document": "cards.txt", "text": "A second card is free"}]`) +
		line("fact", "Who is the company doctor?", `"absent": ["doctor"]`)
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return b, examsOf(b), path
}

func TestAskNaturalQuestions(t *testing.T) {
	b, e, path := quiz(t)
	sheet, err := e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path}, nil)
	if err != nil || sheet.Total() != 8 || sheet.Model != "starter" || sheet.Key == "" {
		t.Fatalf("%+v, %v", sheet, err)
	}
	all, err := sheet.Run(t.Context(), nil, func(app.QuestionAnswer) error { return nil })
	if err != nil || len(all) != 8 {
		t.Fatal(len(all), err)
	}
	who := all[0]
	if who.Setting != app.AskGold || !who.Right || !who.Cited || !who.Found || who.Refusal || who.Seconds < 0 || len(who.Given) != 3 {
		t.Errorf("%+v", who)
	}
	// The passage that answers is there, and none else that has the answer.
	if !slices.ContainsFunc(who.Given, func(n string) bool { return strings.HasSuffix(n, "house.txt") }) || slices.ContainsFunc(who.Given, func(n string) bool { return strings.HasSuffix(n, "other.txt") }) {
		t.Errorf("given %v", who.Given)
	}
	if card := all[2]; card.Right || !card.Found || card.Refused {
		t.Errorf("a wrong answer: %+v", card)
	}
	if doctor := all[3]; !doctor.Refusal || doctor.Right || doctor.Refused || doctor.HasSource || len(doctor.Given) != 3 {
		t.Errorf("an answer to what is not there: %+v", doctor)
	}
	if whole := all[4]; whole.Setting != app.AskWhole || !whole.Right || !whole.Found {
		t.Errorf("%+v", whole)
	}
	again, err := sheet.Run(t.Context(), all[:3], func(app.QuestionAnswer) error { return nil })
	if err != nil || len(again) != 8 || again[7].Answer != all[7].Answer || !slices.Equal(again[3].Given, all[3].Given) {
		t.Errorf("asked again: %+v, %v", again, err)
	}

	// Stopped, it gives what there is; what is known is not asked again.
	ctx, cancel := context.WithCancel(t.Context())
	some, err := sheet.Run(ctx, nil, func(a app.QuestionAnswer) error {
		if a.Line == 2 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(some) != 2 {
		t.Fatal(len(some), err)
	}
	before, heard := len(b.client.Batches()), 0
	rest, err := sheet.Run(t.Context(), some, func(app.QuestionAnswer) error { heard++; return nil })
	if err != nil || len(rest) != 8 || heard != 6 || len(b.client.Batches())-before != 6 {
		t.Errorf("%d answers, heard of %d, %v", len(rest), heard, err)
	}

	// The key is that of all that the answers depend on.
	same, err := e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path, Settings: []string{app.AskWhole}}, nil)
	if err != nil || same.Key != sheet.Key || same.Total() != 4 {
		t.Errorf("%+v, %v", same, err)
	}
	shipped := b.chat.Prompts
	b.chat.Prompts = append([]fs.FS{fstest.MapFS{"en.tmpl": {Data: []byte("{context}\nQuestion: {question}\nAnswer:")}}}, shipped...)
	if other, err := e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path}, nil); err != nil || other.Key == sheet.Key {
		t.Errorf("another prompt has the same key, %v", err)
	}
	b.chat.Prompts = shipped
	if err := os.WriteFile(filepath.Join(b.dir, "papers", "more.txt"), []byte("More is known."), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.add(filepath.Join(b.dir, "papers")); err != nil {
		t.Fatal(err)
	}
	if other, err := e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path}, nil); err != nil || other.Key == sheet.Key {
		t.Errorf("another library has the same key, %v", err)
	}
	if few, err := e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path, Limit: 2}, nil); err != nil || len(few.Questions) != 2 || few.Questions[1].Line != 3 {
		t.Errorf("%+v, %v", few, err)
	}
}

// TestNaturalQuestionsGiveMemoryBack: a model that is not the one in use leaves the memory when the questions are asked.
func TestNaturalQuestionsGiveMemoryBack(t *testing.T) {
	b, e, path := quiz(t)
	if err := apptest.Folders(b.models.Dir); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(filepath.Join(b.models.Dir, "starter"), filepath.Join(b.models.Dir, "guest")), os.RemoveAll(filepath.Join(b.models.Dir, "multilingual-e5-small"))); err != nil {
		t.Fatal(err)
	}
	sheet, err := e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path, Model: "guest", Settings: []string{app.AskGold}}, nil)
	if err != nil || sheet.Model != "guest" {
		t.Fatalf("%+v, %v", sheet, err)
	}
	if _, err := sheet.Run(t.Context(), nil, func(app.QuestionAnswer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	loads := b.client.Loads()
	if _, err := b.models.GeneratorNamed(t.Context(), "guest", nil); err != nil || b.client.Loads() != loads+1 {
		t.Errorf("the guest was kept in memory: %d loads after %d, %v", b.client.Loads(), loads, err)
	}
}

func TestNaturalQuestionErrors(t *testing.T) {
	b, e, path := quiz(t)
	_, err := e.OpenQuestions(t.Context(), app.QuestionPlan{Path: filepath.Join(b.dir, "none.jsonl")}, nil)
	wantError(t, err, "error.dataset.file.missing", core.ErrNotFound)
	_, err = e.OpenQuestions(t.Context(), app.QuestionPlan{Path: b.dir}, nil)
	wantError(t, err, "error.questions.file", core.ErrUnsupported)
	_, err = e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path, Set: "samples"}, nil)
	wantError(t, err, "error.questions.set", core.ErrNotFound)
	_, err = e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path, Collection: "elsewhere"}, nil)
	wantError(t, err, "error.questions.collection", core.ErrNotFound)
	_, err = e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path, Limit: -1}, nil)
	wantError(t, err, "error.exam.margin", core.ErrUsage)
	_, err = e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path, Model: "nobody"}, nil)
	if !errors.Is(err, core.ErrNoModel) && !errors.Is(err, core.ErrNotFound) {
		t.Error(err)
	}
	if app.IsQuestionFile(b.dir) || app.IsQuestionFile(filepath.Join(b.dir, "none")) || !app.IsQuestionFile(path) {
		t.Error("which files have natural questions")
	}

	bad := line("fact", "Who is the manager?", `"accept": ["Laura"], "gold": [{"document": "house.txt", "text": "is Laura Bennet, Ltd"}]`) +
		line("fact", "Who is the doctor?", `"accept": ["Smith"], "gold": [{"document": "doctors.txt", "text": "Smith"}]`) +
		line("fact", "What is it?", `"accept": ["a hotel"], "gold": [{"document": "trips.txt", "text": "limit is $180"}]`) +
		line("fact", "What does it cost?", `"absent": ["hotel", "motel"]`)
	if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	n, problems, err := e.CheckQuestions(t.Context(), app.QuestionPlan{Path: path})
	if err != nil || n != 4 {
		t.Fatal(n, err)
	}
	var kinds []string
	for i, p := range problems {
		if p.Line != i+1 || p.Detail == "" {
			t.Errorf("%+v", p)
		}
		kinds = append(kinds, p.Kind)
	}
	if !slices.Equal(kinds, []string{"text", "document", "answer", "absent"}) {
		t.Errorf("%+v", problems)
	}
	_, err = e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path}, nil)
	wantError(t, err, "error.questions.gold", core.ErrNotFound)
	if err := os.WriteFile(path, []byte(line("fact", "What does it cost?", `"absent": ["x"]`)+"{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path}, nil)
	wantError(t, err, "error.questions.missing", core.ErrUsage)
}
