package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/receipt"
)

// withEvidence puts the model that finds the sentence that answers beside the bundled ones.
func (b *bench) withEvidence() {
	b.Helper()
	dir := filepath.Join(b.models.Bundled, settings.EvidenceModel)
	err := os.MkdirAll(dir, 0o700)
	for name, text := range map[string]string{"adapter_config.json": "{}", "adapter_model.safetensors": "x", "evidence.json": `{"base": "multilingual-e5-small", "format": 2}`} {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
		}
	}
	if err != nil {
		b.Fatal(err)
	}
}

const opens = "When does the office open?"

// TestEvidenceInChats: a narrow model answers from the sentence that was found, in a question and in a conversation; the receipt says so, and is replayed; what
// is not in the documents is refused without it. A wide model, and the setting turned off, leave all as it was, and so does a model that cannot be loaded.
func TestEvidenceInChats(t *testing.T) {
	k := newTalk(t)
	k.client.Wide = false
	k.unsure(0.4)
	ask := func(question string) core.Answer {
		t.Helper()
		a, err := k.chat.Ask(t.Context(), question, app.AskOptions{}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	before := ask(opens)
	same := func(name string) {
		t.Helper()
		if a := ask(opens); a.Receipt.Evidence != nil || a.Text != before.Text || a.Receipt.Prompt != before.Receipt.Prompt || *a.Receipt.Refusal != *before.Receipt.Refusal {
			t.Errorf("%s: %+v, before %+v", name, a, before)
		}
	}
	k.withEvidence()
	k.client.Unreadable = true
	same("cannot be loaded")
	k.client.Unreadable = false
	a := ask(opens)
	e := a.Receipt.Evidence
	if a.Refused || e == nil || len(e.ID) != 16 || e.Refused || len(a.Passages) != 1 || len(a.Citations) != 1 || len(e.Stretches) != 1 || e.Stretches[0].Text != a.Passages[0].Text {
		t.Fatalf("%+v\n%+v", a, e)
	}
	if !strings.Contains(a.Receipt.Prompt, e.Stretches[0].Text) || a.Receipt.Refusal == nil || !a.Receipt.Refusal.Decide || a.Receipt.Refusal.Bound != 1 || a.RefusalProbability == nil || *a.RefusalProbability != e.Refusal {
		t.Errorf("asked %q, %+v", a.Receipt.Prompt, a.Receipt.Refusal)
	}
	turn := k.ask("", "", opens)
	again, err := k.Replay(t.Context(), turn.Conversation, turn.ID, turn.Answers[0].ID, nil)
	if err != nil || !again.Identical {
		t.Errorf("replay: %+v, %v", again, err)
	}
	of := receipt.Of(turn.Answers[0].Answer)
	if problems := of.Check(); len(problems) > 0 || of.Evidence == nil || of.Evidence.ID != e.ID {
		t.Errorf("receipt %+v, %+v", of.Evidence, problems)
	}
	no := ask("Wer darf im Hallenbad am Sonntag schwimmen office?")
	if !no.Refused || !no.Receipt.Evidence.Refused || no.Receipt.Prompt != "" || len(no.Passages) == 0 {
		t.Errorf("what is not there: %+v, %+v", no, no.Receipt.Evidence)
	}
	if of := receipt.Of(no); of.Answer.RefusedBy != receipt.RefusedByEvidence || len(of.Check()) > 0 {
		t.Errorf("receipt of a refusal %+v, %v", of.Answer, of.Check())
	}
	if err := k.models.Configure(func(s *settings.Settings) { s.Evidence = "off" }); err != nil {
		t.Fatal(err)
	}
	same("turned off")
}

// TestBoundsOfEvidence: bounds hold for answers from the evidence that they were found with, and for no others; those that come with a model, too.
func TestBoundsOfEvidence(t *testing.T) {
	k := newTalk(t)
	k.client.Wide = false
	k.unsure(0.4)
	k.withEvidence()
	ask := func() core.Answer {
		t.Helper()
		a, err := k.chat.Ask(t.Context(), opens, app.AskOptions{}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	id := ask().Receipt.Evidence.ID
	gen, err := k.models.Generator(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := bounds(gen.Info().ID, 0.1, 0.2, 0.3)
	k.keepBounds(r) // of before
	if e := ask().Receipt.Evidence; e.Bound != 0.5 || e.Mode != "balanced" {
		t.Errorf("with bounds of no evidence: %+v", e)
	}
	if _, works := k.chat.Refusal(t.Context()); works {
		t.Error("the setting works, and nothing has bounds")
	}
	r.Evidence = id
	k.keepBounds(r)
	if e := ask().Receipt.Evidence; e.Bound != 0.2 {
		t.Errorf("with its bounds: %+v", e)
	}
	if mode, works := k.chat.Refusal(t.Context()); !works || mode != calibrate.Balanced {
		t.Errorf("%q works %v", mode, works)
	}
	if held := k.models.KnownBounds(t.Context(), settings.StarterModel); held == nil || held.Evidence != id {
		t.Errorf("known bounds %+v", held)
	}
	if err := k.models.Configure(func(s *settings.Settings) { s.Evidence = "off" }); err != nil {
		t.Fatal(err)
	}
	if a := ask(); a.Receipt.Refusal.Decide || a.Receipt.Evidence != nil {
		t.Errorf("turned off, with bounds of evidence: %+v", a.Receipt.Refusal)
	}
}

// TestEvidenceInRows: rows for a narrow model have the prompt that a chat sends, and with them its bounds are found; a dataset is out of date when the evidence is
// turned off.
func TestEvidenceInRows(t *testing.T) {
	k := newSchool(t, nil)
	k.client.Wide = false
	k.withEvidence()
	k.unsure(0.4)
	set, err := k.Build(t.Context(), app.DatasetPlan{Rows: 120}, app.DatasetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	with := 0
	for _, r := range k.rows(set.ID) {
		if r.Evidence == "" {
			continue
		}
		if with++; with%5 > 0 {
			continue
		}
		a, err := k.chat.Ask(t.Context(), r.Question, app.AskOptions{Refusal: calibrate.Off}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Origin == core.RowRule && (a.Receipt.Prompt != r.Inputs || a.Receipt.Evidence.Answerable != r.Answerable) {
			t.Errorf("a chat sends %q, the row has %q", a.Receipt.Prompt, r.Inputs)
		}
		if (r.Gold == 1) == r.Refusal {
			t.Errorf("gold %d of %q", r.Gold, r.Inputs)
		}
	}
	if with < 20 {
		t.Fatalf("%d of %d rows from evidence", with, set.Counts.Rows)
	}
	if told := k.Stale(t.Context(), set, ""); len(told) > 0 {
		t.Errorf("at once it is out of date: %v", told)
	}
	found, err := k.Calibrate(t.Context(), app.CalibrationPlan{Datasets: []string{set.ID}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if found.Evidence == "" || len(found.Languages) == 0 {
		t.Errorf("bounds %+v", found)
	}
	if err := k.models.Configure(func(s *settings.Settings) { s.Evidence = "off" }); err != nil {
		t.Fatal(err)
	}
	if told := k.Stale(t.Context(), set, ""); len(told) != 1 || told[0] != "dataset.warn.asking" {
		t.Errorf("turned off: %v", told)
	}
	if _, err := k.Calibrate(t.Context(), app.CalibrationPlan{Datasets: []string{set.ID}}, nil); err == nil || record.Failed(err).Key != "error.calibrate.evidence" {
		t.Errorf("calibrated with rows of evidence without: %v", err)
	}
}

// TestNaturalQuestionsFromEvidence: what was read as evidence is noted, and whether it is of the right place.
func TestNaturalQuestionsFromEvidence(t *testing.T) {
	b, e, path := quiz(t)
	b.client.Wide = false
	b.withEvidence()
	sheet, err := e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path}, nil)
	if err != nil || sheet.Evidence == "" || sheet.Refusal != calibrate.Balanced {
		t.Fatalf("%+v, %v", sheet, err)
	}
	all, err := sheet.Run(t.Context(), nil, func(app.QuestionAnswer) error { return nil })
	if err != nil || len(all) != 8 {
		t.Fatal(len(all), err)
	}
	who := all[0]
	if !who.Right || !who.Cited || !who.Found || !who.HasEvidence || !who.Evident || len(who.Given) != 3 || who.Evidence == nil || !strings.Contains(who.Evidence.Stretches[0].Text, "Laura Bennett") {
		t.Errorf("%+v, %+v", who, who.Evidence)
	}
	for _, a := range all {
		if a.Evidence == nil || a.Evident && !a.Answerable() {
			t.Errorf("%+v", a)
		}
	}
	key := sheet.Key
	if err := b.models.Configure(func(s *settings.Settings) { s.Evidence = "off" }); err != nil {
		t.Fatal(err)
	}
	if sheet, err = e.OpenQuestions(t.Context(), app.QuestionPlan{Path: path}, nil); err != nil || sheet.Evidence != "" || sheet.Key == key || sheet.Refusal != calibrate.Off {
		t.Errorf("turned off: %+v, %v", sheet, err)
	}
}
