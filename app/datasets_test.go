package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/dataset"
	"kakoi/resources"
)

// school is a bench with the sample documents that are quickly read, and datasets.
type school struct {
	*bench
	*app.Datasets
	told []app.Topic
}

func newSchool(t *testing.T, wrap func(app.Store) app.Store) *school {
	t.Helper()
	b := open(t, wrap)
	b.client.Wide = true
	b.chat.Prompts = append(b.chat.Prompts, resources.Prompts)
	dir := filepath.Join(b.dir, "docs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	entries, err := fs.ReadDir(resources.Samples, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".pdf" {
			continue
		}
		raw, err := fs.ReadFile(resources.Samples, e.Name())
		if err = errors.Join(err, os.WriteFile(filepath.Join(dir, e.Name()), raw, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := b.add(dir); err != nil || s.Added != 8 {
		t.Fatalf("%+v, %v", s, err)
	}
	k := &school{bench: b, Datasets: &app.Datasets{Store: b.store, Chat: b.chat, Bus: &app.Bus{}}}
	k.Bus.Subscribe(func(topic app.Topic) { k.told = append(k.told, topic) })
	return k
}

func (k *school) rows(id string) []core.Row {
	k.Helper()
	page, err := k.Page(k.Context(), id, app.RowFilter{}, 0, 0)
	if err != nil {
		k.Fatal(err)
	}
	return page.Rows
}

// Every row's prompt is, byte for byte, what the chat sends for its question; and of refusals, what it would send without the passage.
func TestRowsHaveTheChatsPrompts(t *testing.T) {
	k := newSchool(t, nil)
	var states []job.State
	s, err := k.Build(t.Context(), app.DatasetPlan{Seed: 4}, app.DatasetOptions{Listen: func(s job.State) { states = append(states, s) }})
	if err != nil {
		t.Fatal(err)
	}
	rows := k.rows(s.ID)
	if len(rows) != s.Counts.Rows || s.Counts.Rows < 60 || s.Counts.Refusals < 10 || s.Counts.Held == 0 || s.Counts.Train == 0 || s.Model != "starter" || s.EmbedderID == "" || s.Collection != "main" {
		t.Fatalf("%d rows of %+v", len(rows), s)
	}
	same := 0
	for _, r := range rows {
		answer, err := k.chat.Ask(t.Context(), r.Question, app.AskOptions{}, nil, nil)
		if err != nil || answer.Receipt == nil {
			t.Fatal(err)
		}
		if r.Origin == core.RowWithout { // of a contrast nothing is taken out: the chat would send the same
			if r.Inputs == answer.Receipt.Prompt {
				t.Errorf("nothing was taken out for %q", r.Question)
			}
			continue
		}
		if r.Inputs != answer.Receipt.Prompt {
			t.Errorf("%q: the row has\n%s\nthe chat sends\n%s", r.Question, r.Inputs, answer.Receipt.Prompt)
		}
		same++
	}
	if same < 40 {
		t.Errorf("%d prompts were compared", same)
	}
	if last := states[len(states)-1]; !last.Ended || last.Stage != "write" {
		t.Errorf("last state %+v", last)
	}
	if !slices.Contains(k.told, app.TopicDatasets) {
		t.Error("the bus heard nothing")
	}
}

// The settings of the chat are those of the rows.
func TestRowsFollowTheSettings(t *testing.T) {
	k := newSchool(t, nil)
	if err := k.Chat.Settings.Update(func(s *settings.Settings) { s.Top = 1 }); err != nil {
		t.Fatal(err)
	}
	s, err := k.Build(t.Context(), app.DatasetPlan{Rows: 8}, app.DatasetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range k.rows(s.ID) {
		answer, err := k.chat.Ask(t.Context(), r.Question, app.AskOptions{}, nil, nil)
		if err != nil || !r.Refusal && answer.Receipt.Prompt != r.Inputs || len(answer.Passages) > 1 {
			t.Errorf("%q: %v", r.Question, err)
		}
	}
}

// What is built twice is the same but for its name and time.
func TestBuildTwice(t *testing.T) {
	k := newSchool(t, nil)
	var all [2][]byte
	for i := range all {
		s, err := k.Build(t.Context(), app.DatasetPlan{Name: "twice", Seed: 9, Rows: 40}, app.DatasetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if all[i], err = json.Marshal(k.rows(s.ID)); err != nil {
			t.Fatal(err)
		}
		if want := []string{"twice", "twice 2"}[i]; s.Name != want {
			t.Errorf("called %q, want %q", s.Name, want)
		}
	}
	if !bytes.Equal(all[0], all[1]) {
		t.Error("the rows differ")
	}
	if _, err := k.Find(t.Context(), ""); err != nil {
		t.Error(err)
	}
	if s, err := k.Find(t.Context(), "twice 2"); err != nil || s.Counts.Rows != len(k.rows(s.ID)) {
		t.Errorf("%+v, %v", s, err)
	}
}

// Rows are marked, edited and taken out; the counts follow, and a restart knows all of it.
func TestReview(t *testing.T) {
	k := newSchool(t, nil)
	s, err := k.Build(t.Context(), app.DatasetPlan{Rows: 40}, app.DatasetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows := k.rows(s.ID)
	at := slices.IndexFunc(rows, func(r core.Row) bool { return !r.Refusal && r.Language == "ja" })
	if err := errors.Join(k.SetState(t.Context(), s.ID, core.RowDropped, rows[0].ID, rows[1].ID[:8]), k.RemoveRows(t.Context(), s.ID, rows[2].ID)); err != nil {
		t.Fatal(err)
	}
	if at < 3 {
		t.Fatalf("the first Japanese answer is row %d", at)
	}
	edited, err := k.Edit(t.Context(), s.ID, rows[at].ID, "", "総務部に聞いてください。")
	if err != nil || edited.Labels != "総務部に聞いてください。" || edited.Inputs != rows[at].Inputs || edited.State != core.RowKept || edited.ID != core.RowID(edited.Inputs, edited.Labels) {
		t.Fatalf("%+v, %v", edited, err)
	}
	question := "経費の申請期限はいつまででしょうか。"
	asked, err := k.Edit(t.Context(), s.ID, edited.ID, question, "")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := k.chat.Ask(t.Context(), question, app.AskOptions{}, nil, nil)
	if err != nil || asked.Inputs != answer.Receipt.Prompt || asked.Answer != edited.Answer || asked.Question != question {
		t.Errorf("%+v, %v", asked, err)
	}
	again := &app.Datasets{Store: k.store, Chat: k.chat}
	train, held, err := again.Training(t.Context(), s.ID)
	if err != nil || len(train)+len(held) != len(rows)-3 {
		t.Errorf("%d and %d of %d rows, %v", len(train), len(held), len(rows), err)
	}
	now, err := again.Find(t.Context(), s.ID)
	if err != nil || now.Counts.Dropped != 2 || now.Counts.Kept != 1 || now.Counts.Rows != len(rows)-1 || now.Counts.Train != len(train) || now.Counts.Held != len(held) {
		t.Errorf("%+v, %v", now.Counts, err)
	}
	dropped := core.RowDropped
	page, err := again.Page(t.Context(), s.ID, app.RowFilter{State: &dropped}, 1, 10)
	if err != nil || page.Total != 2 || len(page.Rows) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	if page, err = again.Page(t.Context(), s.ID, app.RowFilter{Search: "申請期限はいつまで"}, 0, 0); err != nil || page.Total != 1 {
		t.Errorf("%+v, %v", page, err)
	}
	for _, err := range []error{
		again.SetState(t.Context(), s.ID, core.RowKept, "ffffffff"), again.SetState(t.Context(), "ffff", core.RowKept), again.RemoveRows(t.Context(), s.ID, "ffffffff"),
	} {
		var user *core.UserError
		if !errors.Is(err, core.ErrNotFound) || !errors.As(err, &user) {
			t.Errorf("%v", err)
		}
	}
}

// A question of which nothing is found is no row, and the row stays as it was.
// TestChangedQuestionIsNotChangedBack: a contrast that gets the question of an answered row would teach to refuse what is there.
func TestChangedQuestionIsNotChangedBack(t *testing.T) {
	k := newSchool(t, nil)
	s, err := k.Build(t.Context(), app.DatasetPlan{Seed: 4}, app.DatasetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rows := k.rows(s.ID)
	at := slices.IndexFunc(rows, func(r core.Row) bool { return r.Origin == core.RowContrast })
	if at < 0 {
		t.Fatal("no contrast")
	}
	twin := slices.IndexFunc(rows, func(r core.Row) bool { return !r.Refusal && *r.Source == *rows[at].Source })
	var user *core.UserError
	if _, err := k.Edit(t.Context(), s.ID, rows[at].ID, rows[twin].Question, ""); !errors.As(err, &user) || user.Key != "error.dataset.answered" {
		t.Errorf("changed back: %v", err)
	}
	if same, err := k.Row(t.Context(), s.ID, rows[at].ID); err != nil || same.Question != rows[at].Question {
		t.Errorf("after it: %+v, %v", same, err)
	}
	fresh, err := k.Edit(t.Context(), s.ID, rows[at].ID, "給湯室の鍵の番号は何番ですか。", "")
	if err != nil || !fresh.Refusal || fresh.State != core.RowKept {
		t.Errorf("another question: %+v, %v", fresh, err)
	}
}

func TestEditToNothing(t *testing.T) {
	k := newSchool(t, nil)
	s, err := k.Build(t.Context(), app.DatasetPlan{Rows: 10}, app.DatasetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before := k.rows(s.ID)
	if _, err := k.Edit(t.Context(), s.ID, before[0].ID, strings.Repeat("あ", 30_000), ""); !errors.Is(err, core.ErrTooLarge) {
		t.Errorf("a question of 30,000 characters: %v", err)
	}
	if after := k.rows(s.ID); after[0].ID != before[0].ID || after[0].State != core.RowOpen {
		t.Errorf("%+v", after[0])
	}
}

func (k *school) file(name, text string) string {
	k.Helper()
	path := filepath.Join(k.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		k.Fatal(err)
	}
	return path
}

// A file of questions gets the chat's prompts; bad lines are told, good ones kept.
func TestImport(t *testing.T) {
	k := newSchool(t, nil)
	path := k.file("qa.csv", "質問,回答\n経費の申請期限はいつですか。,翌月の5営業日目です。\n答えがない。,\n避難場所はどこですか。,若葉第二小学校の校庭です。\n避難場所の広さは何平方メートルですか。,資料には記載がありません。\n")
	table, err := k.Preview(t.Context(), path, app.ImportPlan{})
	if err != nil || table.Columns.Question != "質問" || len(table.Records) != 3 || len(table.Problems) != 1 {
		t.Fatalf("%+v, %v", table, err)
	}
	s, err := k.Import(t.Context(), path, app.ImportPlan{DatasetPlan: app.DatasetPlan{Share: -1, Held: -1}}, app.DatasetOptions{})
	if err != nil || s.Name != "qa" || s.ProblemCount != 1 || s.Problems[0].Line != 3 || s.Origin != record.FromFile || s.Collection != "main" {
		t.Fatalf("%+v, %v", s, err)
	}
	if text := resources.Format("ja", s.Problems[0].Key, s.Problems[0].Values()...); !strings.Contains(text, "回答") || strings.Contains(text, "%") {
		t.Errorf("told %q", text)
	}
	if !slices.Contains(s.Warnings, "dataset.warn.held") || !slices.Contains(s.Warnings, "dataset.warn.few") {
		t.Errorf("warnings %q", s.Warnings)
	}
	rows := k.rows(s.ID)
	if len(rows) != 3 {
		t.Fatalf("%+v", rows)
	}
	for _, r := range rows {
		answer, err := k.chat.Ask(t.Context(), r.Question, app.AskOptions{}, nil, nil)
		if err != nil || r.Inputs != answer.Receipt.Prompt {
			t.Errorf("%q has another prompt: %v", r.Question, err)
		}
	}
	questions, _, err := k.Questions(t.Context(), path, app.ImportPlan{}, nil)
	if err != nil || len(questions) != 3 || questions[0].Inputs == "" || questions[0].Held {
		t.Errorf("%+v, %v", questions, err)
	}
	if all, _, err := k.List(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("an exam's questions were stored: %d datasets, %v", len(all), err)
	}
	for _, bad := range []string{"none.csv", "docs"} {
		var user *core.UserError
		if _, err := k.Import(t.Context(), filepath.Join(k.dir, bad), app.ImportPlan{}, app.DatasetOptions{}); !errors.As(err, &user) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// Inputs and labels need no model and no documents, are kept byte for byte, and come out as they went in.
func TestImportOfTheRecipesForm(t *testing.T) {
	k := newSchool(t, nil)
	var b strings.Builder
	for i := range 30 {
		raw, err := json.Marshal(map[string]string{"inputs": fmt.Sprintf("ユーザー:資料%d\n\n質問→いくつ?\nシステム:", i), "labels": fmt.Sprintf(" %d個 \r\n", i)})
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(raw, '\n'))
	}
	loads := k.client.Loads()
	s, err := k.Import(t.Context(), k.file("rows.jsonl", b.String()), app.ImportPlan{}, app.DatasetOptions{})
	if err != nil || s.Counts.Rows != 30 || s.Counts.Held != 6 || s.ModelID != "" || k.client.Loads() != loads {
		t.Fatalf("%+v, %v", s, err)
	}
	for i, r := range k.rows(s.ID) {
		if r.Labels != fmt.Sprintf(" %d個 \r\n", i) {
			t.Errorf("row %d has labels %q", i, r.Labels)
		}
	}
	out := filepath.Join(k.dir, "out.jsonl")
	if n, err := k.Export(t.Context(), s.ID, out, app.ExportRecipeJSON); err != nil || n != 30 {
		t.Fatal(n, err)
	}
	raw, err := os.ReadFile(out)
	if err != nil || len(bytes.Split(bytes.TrimSpace(raw), []byte("\n"))) != 30 {
		t.Fatal(err)
	}
	table, err := dataset.ReadTable(t.Context(), out, raw, dataset.Columns{})
	if err != nil || table.Records[7].Labels != " 7個 \r\n" {
		t.Errorf("%+v, %v", table.Records, err)
	}
}

// Corrections of chats are rows of the dataset built after them, and a dataset by themselves.
func TestCorrectionsBecomeRows(t *testing.T) {
	k := newSchool(t, nil)
	talks := k.talk()
	turn, err := talks.Ask(t.Context(), app.AskTurn{Question: "災害用伝言ダイヤルの番号を知りたい。"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := turn.Answer()
	if _, err := k.Corrections(t.Context(), app.DatasetPlan{}, app.DatasetOptions{}); !errors.Is(err, core.ErrEmpty) {
		t.Errorf("without corrections: %v", err)
	}
	if _, err := talks.Correct(t.Context(), record.Correction{Conversation: turn.Conversation, Turn: turn.ID, Given: g.ID, Kind: record.CorrectAnswer, Answer: "171番です。"}); err != nil {
		t.Fatal(err)
	}
	s, err := k.Corrections(t.Context(), app.DatasetPlan{}, app.DatasetOptions{})
	if err != nil || s.Counts.Origins[core.RowCorrection] != 1 || s.Counts.Rows != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if r := k.rows(s.ID)[0]; r.Inputs != g.Answer.Receipt.Prompt || r.Labels != "171番です。" {
		t.Errorf("%+v", r)
	}
	s, err = k.Build(t.Context(), app.DatasetPlan{Rows: 20}, app.DatasetOptions{})
	if err != nil || s.Counts.Origins[core.RowCorrection] != 1 || !s.Settings.Corrections {
		t.Errorf("%+v, %v", s.Counts, err)
	}
}

// A removed document names the datasets that hold its rows or its text; removing a dataset leaves no byte of it.
func TestRemovalNamesDatasets(t *testing.T) {
	k := newSchool(t, nil)
	s, err := k.Build(t.Context(), app.DatasetPlan{}, app.DatasetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	docs, err := k.library.List(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := k.Learned(t.Context(), docs[0].ID); err != nil || len(found) != 1 || found[0].ID != s.ID {
		t.Errorf("%+v, %v", found, err)
	}
	if quotes, err := k.talk().Quoting(t.Context(), docs[1].ID); err != nil || len(quotes.Datasets) != 1 {
		t.Errorf("%+v, %v", quotes, err)
	}
	if found, err := k.Learned(t.Context(), "another"); err != nil || len(found) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if err := k.Remove(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Page(t.Context(), s.ID, app.RowFilter{}, 0, 1); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("after the removal: %v", err)
	}
	if left, err := k.store.RecordIDs(t.Context(), "dataset.rows."+s.ID); err != nil || len(left) != 0 {
		t.Errorf("%q, %v", left, err)
	}
}

// A cancelled build keeps nothing, and neither does one without room on the disk.
func TestBuildThatEndsEarly(t *testing.T) {
	k := newSchool(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := k.Build(ctx, app.DatasetPlan{}, app.DatasetOptions{Listen: func(job.State) { cancel() }})
	if !errors.Is(err, context.Canceled) && err != nil {
		t.Error(err)
	}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := k.Build(ctx, app.DatasetPlan{}, app.DatasetOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before it began: %v", err)
		}
	}
	full := newSchool(t, func(s app.Store) app.Store { return fullStore{s} })
	if _, err := full.Build(t.Context(), app.DatasetPlan{Rows: 10}, app.DatasetOptions{}); !errors.Is(err, core.ErrNoSpace) {
		t.Errorf("on a full disk: %v", err)
	}
	if all, _, err := full.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if err := full.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if left, err := full.store.RecordIDs(t.Context(), "dataset.gone"); err != nil || len(left) != 0 {
		t.Errorf("left half written: %q, %v", left, err)
	}
}

// fullStore has no room for the head of a dataset.
type fullStore struct{ app.Store }

func (s fullStore) PutRecord(ctx context.Context, kind, id string, value []byte) error {
	if kind == "dataset" {
		return core.ErrNoSpace
	}
	return s.Store.PutRecord(ctx, kind, id, value)
}

// What cannot be built is told with a sentence and a hint.
func TestBuildRefuses(t *testing.T) {
	k := newSchool(t, nil)
	for name, plan := range map[string]app.DatasetPlan{
		"share": {Share: 0.95}, "held": {Held: 2}, "rows": {Rows: -1}, "collection": {Collection: "none"}, "elsewhere": {Elsewhere: []string{"none"}}, "document": {Documents: []string{"none"}},
		"name": {Name: strings.Repeat("x", 200)},
	} {
		_, err := k.Build(t.Context(), plan, app.DatasetOptions{})
		var user *core.UserError
		if !errors.As(err, &user) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, lang := range resources.Languages {
			if _, hint := resources.ErrorText(lang, err); hint == "" {
				t.Errorf("%s has no hint: %v", name, err)
			}
		}
	}
	if _, err := k.library.CreateCollection(t.Context(), "empty"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Build(t.Context(), app.DatasetPlan{Collection: "empty"}, app.DatasetOptions{}); !errors.Is(err, core.ErrEmpty) {
		t.Errorf("an empty collection: %v", err)
	}
	for _, key := range []string{"empty", "few", "held", "refusals", "short", "unfounded"} {
		for _, lang := range resources.Languages {
			if text, ok := resources.Text(lang, "dataset.warn."+key+".hint"); !ok || text == "" {
				t.Errorf("warning %s has no hint in %s", key, lang)
			}
		}
	}
	for _, r := range dataset.Reasons {
		if _, ok := resources.Text("ja", "dataset.left."+string(r)); !ok {
			t.Errorf("reason %s has no words", r)
		}
	}
}
