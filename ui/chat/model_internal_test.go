package chat

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/place"
)

func kinds(rows []Row) []RowKind {
	var out []RowKind
	for _, r := range rows {
		out = append(out, r.Kind)
	}
	return out
}

func TestAskShowsTheAnswerWithItsSources(t *testing.T) {
	r := newRig(t)
	r.talks.answer = func(_ context.Context, model, question string, hear func(app.Event), place int) (record.Given, error) {
		return cited("starter", question), nil
	}
	r.ask("有給休暇はいつから使えますか。")
	rows := r.m.Rows()
	if got := kinds(rows); !slices.Equal(got, []RowKind{RowQuestion, RowText, RowFoot}) {
		t.Fatalf("rows: %v", got)
	}
	var cites []int
	unsure := ""
	for _, p := range rows[1].Pieces {
		if p.Cite > 0 {
			cites = append(cites, p.Cite)
		}
		if p.Unsure {
			unsure += p.Text
		}
	}
	if !slices.Equal(cites, []int{1, 2}) || unsure != "申請は上長に行います。" {
		t.Errorf("markers %v, without support %q", cites, unsure)
	}
	cards := r.m.Cards()
	if len(cards) != 3 || cards[0].Number != 1 || cards[1].Number != 2 || cards[2].Number != 0 || cards[2].At.ID != "d3" {
		t.Errorf("cards: %+v", cards)
	}
	if at, ok := r.m.PageWanted(); !ok || at != (place.Document{ID: "d1", Page: 12, Start: 12, End: 60}) {
		t.Errorf("page: %+v", at)
	}
	r.m.OpenSource(rows[1].Turn, rows[1].Given, 2)
	r.settle()
	if view, ready, err := r.m.Page(); !ready || err != nil || view.Number != 13 {
		t.Errorf("page of [2]: %d, %v, %v", view.Number, ready, err)
	}
	r.m.Turn(-1)
	r.settle()
	if view, _, _ := r.m.Page(); view.Number != 12 {
		t.Errorf("the page before 13 is %d", view.Number)
	}
	r.m.OpenDocument()
	if len(r.went) != 1 || r.went[0].(place.Document).Page != 12 {
		t.Errorf("went to %v", r.went)
	}
	text := r.m.WithSources(rows[1].Turn, rows[1].Given)
	for _, want := range []string{"付与されます。[1]", "翌年度までです。[2]", "\n[1] 就業規則.pdf p.12: ", "\n[2] 就業規則.pdf p.13: "} {
		if !strings.Contains(text, want) {
			t.Errorf("copied with sources, without %q:\n%s", want, text)
		}
	}
}

// A text comes in pieces; the window hears of them at most 25 times a second and none is lost.
func TestStreaming(t *testing.T) {
	r := newRig(t)
	const pieces = 3000
	r.talks.answer = func(_ context.Context, model, question string, hear func(app.Event), place int) (record.Given, error) {
		hear(app.PassagesFound{Given: place, Passages: cited(model, question).Answer.Passages})
		begin := time.Now()
		for i := range pieces {
			hear(app.Delta{Given: place, Text: "年次有給。"})
			for time.Since(begin) < time.Duration(i)*100*time.Microsecond {
				time.Sleep(50 * time.Microsecond)
			}
		}
		return givenText(model, question, strings.Repeat("年次有給。", pieces)), nil
	}
	updates, longest := 0, 0
	r.m.tell = func(c change) {
		if c&changedLive == 0 {
			return
		}
		updates++
		n := 0
		for _, row := range r.m.Rows() {
			for _, p := range row.Pieces {
				if row.Kind == RowText {
					n += len([]rune(p.Text))
				}
			}
			if row.Kind == RowText && len([]rune(row.Pieces[0].Text)) > chunkMost {
				t.Fatalf("a stretch of %d characters", len([]rune(row.Pieces[0].Text)))
			}
		}
		if n < longest {
			t.Fatalf("the text shrank from %d to %d", longest, n)
		}
		longest = n
	}
	begin := time.Now()
	r.ask("長い回答")
	spent := time.Since(begin)
	if most := int(spent/tick) + 3; updates > most || updates < 2 {
		t.Errorf("%d updates in %v, at most %d", updates, spent, most)
	}
	whole := ""
	for _, row := range r.m.Rows() {
		if row.Kind == RowText {
			for _, p := range row.Pieces {
				whole += p.Text
			}
		}
	}
	if whole != strings.Repeat("年次有給。", pieces) {
		t.Errorf("%d bytes of the answer are shown", len(whole))
	}
}

func TestStopKeepsWhatCame(t *testing.T) {
	r := newRig(t)
	r.talks.answer = func(ctx context.Context, model, question string, hear func(app.Event), place int) (record.Given, error) {
		hear(app.Delta{Given: place, Text: "途中まで"})
		<-ctx.Done()
		return givenText(model, question, "途中まで"), nil
	}
	r.m.SetDraft("止める質問")
	r.m.Ask()
	r.until("text", func() bool { return r.m.liveHere() && r.m.live.texts[0].rest != "" })
	if r.m.CanAsk() {
		t.Error("a second question could be asked meanwhile")
	}
	r.m.Stop()
	r.settle()
	rows := r.m.Rows()
	if len(r.errors) != 0 {
		t.Errorf("errors: %v", r.errors)
	}
	if got := kinds(rows); !slices.Equal(got, []RowKind{RowQuestion, RowText, RowFoot}) || rows[1].Pieces[0].Text != "途中まで" || !rows[2].Stopped {
		t.Errorf("rows: %+v", rows)
	}
}

// A lost engine is one calm row with "again", and no error besides.
func TestLostEngine(t *testing.T) {
	r := newRig(t)
	broken := true
	r.talks.answer = func(ctx context.Context, model, question string, hear func(app.Event), place int) (record.Given, error) {
		if broken {
			return record.Given{}, fmt.Errorf("generate: %w", core.ErrEngine)
		}
		return plainAnswer(ctx, model, question, hear, place)
	}
	r.ask("質問")
	rows := r.m.Rows()
	if got := kinds(rows); !slices.Equal(got, []RowKind{RowQuestion, RowFailure}) || len(r.errors) != 0 {
		t.Fatalf("rows %v, errors %v", got, r.errors)
	}
	if rows[1].Text == "" || strings.Contains(rows[1].Text, "error.") {
		t.Errorf("said: %q", rows[1].Text)
	}
	broken = false
	r.m.Again(rows[1].Turn)
	r.settle()
	rows = r.m.Rows()
	if got := kinds(rows); !slices.Equal(got, []RowKind{RowQuestion, RowText, RowFoot}) {
		t.Errorf("after again: %v", got)
	}
	r.m.SwitchAnswer(rows[1].Turn, -1) // the failed attempt is the first of two answers
	if got := kinds(r.m.Rows()); !slices.Equal(got, []RowKind{RowQuestion, RowFailure, RowFoot}) {
		t.Errorf("after the switch: %v", got)
	}
}

func TestNothingStoredGivesTheQuestionBack(t *testing.T) {
	r := newRig(t)
	r.m.conversations = refusing{r.talks}
	r.m.SetDraft("消えてはいけない質問")
	r.m.Ask()
	r.settle()
	if r.m.Draft() != "消えてはいけない質問" || len(r.errors) != 1 || r.m.Answering() {
		t.Errorf("draft %q, errors %v", r.m.Draft(), r.errors)
	}
}

type refusing struct{ *fakeTalks }

func (refusing) Ask(context.Context, app.AskTurn, func(app.Event)) (record.Turn, error) {
	return record.Turn{}, errors.New("no")
}

func TestEditMakesABranch(t *testing.T) {
	r := newRig(t)
	r.ask("一つ目")
	r.ask("二つ目")
	r.m.SetDraft("書きかけ")
	second := r.m.leaf()
	r.m.Edit(second)
	if r.m.Draft() != "二つ目" || r.m.InputNote() == "" {
		t.Fatalf("editing: %q, %q", r.m.Draft(), r.m.InputNote())
	}
	r.m.CancelEdit()
	if r.m.Draft() != "書きかけ" {
		t.Errorf("after leaving: %q", r.m.Draft())
	}
	r.m.Edit(second)
	r.ask("二つ目、改")
	last := r.talks.asks[len(r.talks.asks)-1]
	if last.Parent != r.m.open.Path[0].ID {
		t.Errorf("asked after %q", last.Parent)
	}
	rows := r.m.Rows()
	q := rows[len(rows)-3]
	if q.Kind != RowQuestion || q.Branch != 2 || q.Branches != 2 {
		t.Fatalf("question: %+v", q)
	}
	r.m.Branch(q.Turn, -1)
	r.settle()
	if r.m.leaf() != second {
		t.Errorf("shown: %s", r.m.leaf())
	}
}

func TestAgainGivesAnotherAnswer(t *testing.T) {
	r := newRig(t)
	n := 0
	r.talks.answer = func(_ context.Context, model, question string, hear func(app.Event), place int) (record.Given, error) {
		n++
		return givenText(model, question, fmt.Sprintf("回答%d", n)), nil
	}
	r.ask("質問")
	r.m.AgainLast()
	r.settle()
	foot := r.m.Rows()[2]
	if foot.Number != 2 || foot.Numbers != 2 || r.m.Rows()[1].Pieces[0].Text != "回答2" {
		t.Fatalf("foot %+v", foot)
	}
	r.m.SwitchAnswer(foot.Turn, -1)
	r.settle()
	if r.m.Rows()[1].Pieces[0].Text != "回答1" || r.talks.turn(r.m.OpenID(), foot.Turn).Shown != 0 {
		t.Error("the first answer is not shown again")
	}
}

func TestCompare(t *testing.T) {
	r := newRig(t)
	r.m.Refresh()
	r.settle()
	lines := r.m.ModeLines()
	if len(lines) != 3 || !strings.Contains(lines[0], "starter") || lines[1] != "gemma" {
		t.Fatalf("modes: %q", lines)
	}
	r.m.SetMode(1)
	r.ask("一つのモデルに")
	if got := r.talks.asks[0].Models; !slices.Equal(got, []string{"gemma"}) {
		t.Errorf("asked %q", got)
	}
	r.m.SetMode(2)
	r.m.SetCompared("gemma", "gemma")
	r.m.SetDraft("同じモデル")
	if r.m.CanAsk() || r.m.InputNote() == "" {
		t.Error("a model is compared with itself")
	}
	r.m.SetCompared("starter", "gemma")
	r.ask("二つのモデルに")
	if got := r.talks.asks[1].Models; !slices.Equal(got, []string{"starter", "gemma"}) {
		t.Errorf("asked %q", got)
	}
	rows := r.m.Rows()
	last := rows[len(rows)-1]
	if last.Kind != RowPair || !strings.Contains(last.Pair[0].Caption, "starter · 01234567") || !strings.Contains(last.Pair[1].Caption, "gemma · 01234567") {
		t.Errorf("feet: %+v", last)
	}
	r.library.models = r.library.models[:1]
	r.m.Heard(app.TopicModels)
	r.settle()
	if r.m.Mode() != 0 || len(r.m.ModeLines()) != 1 {
		t.Error("a model that is gone can still be chosen")
	}
}

// fakeAdapters are two of the model in use, the first its default, one that fits no more, and one of another model.
type fakeAdapters struct{ all []app.AdapterInfo }

func (f fakeAdapters) List(context.Context) ([]app.AdapterInfo, error) { return f.all, nil }

func adapterOf(model, id, name string, chosen, fits bool) app.AdapterInfo {
	return app.AdapterInfo{Adapter: record.Adapter{ID: id, Name: name, Model: model}, Default: chosen, Fits: fits}
}

func TestAdaptersAnswerAndAreCompared(t *testing.T) {
	r := newRig(t)
	has := &fakeAdapters{[]app.AdapterInfo{
		adapterOf("starter", "aaaa11112222", "規程", true, true), adapterOf("starter", "bbbb11112222", "手順", false, true),
		adapterOf("starter", "cccc11112222", "手順", false, true), adapterOf("starter", "dddd11112222", "古い", false, false), adapterOf("gemma", "eeee11112222", "別", false, true),
	}}
	r.m.adapters = has
	r.m.Refresh()
	r.settle()
	lines := r.m.ModeLines()
	if len(lines) != 6 || !strings.Contains(lines[0], "starter + 規程") || !strings.Contains(lines[1], "アダプターなし") || lines[2] != "starter + 手順" || lines[3] != "starter + 手順 (cccc1111)" || lines[4] != "gemma" {
		t.Fatalf("modes: %q", lines)
	}
	asked := func(question string) app.AskTurn {
		t.Helper()
		r.ask(question)
		return r.talks.asks[len(r.talks.asks)-1]
	}
	for line, want := range map[int][]string{0: nil, 1: {app.NoAdapter}, 2: {"bbbb11112222"}} {
		r.m.SetMode(line)
		if got := asked("誰が答える"); len(got.Models) != 0 || !slices.Equal(got.Adapters, want) {
			t.Errorf("line %d asks models %q, adapters %q", line, got.Models, got.Adapters)
		}
	}
	r.m.SetMode(5)
	r.m.SetCompared(lines[1], "starter + 規程")
	if got := asked("前と後"); len(got.Models) != 0 || !slices.Equal(got.Adapters, []string{app.NoAdapter, ""}) {
		t.Errorf("compared are models %q, adapters %q", got.Models, got.Adapters)
	}
	r.m.SetCompared("gemma", "starter + 手順")
	r.m.SetDraft("混ぜる")
	if r.m.CanAsk() || r.m.InputNote() == "" {
		t.Error("an adapter is compared with another model")
	}
	r.m.SetCompared("gemma", "starter + 規程") // two models, each as it usually answers
	if got := asked("二つのモデル"); !slices.Equal(got.Models, []string{"gemma", "starter"}) || len(got.Adapters) != 0 {
		t.Errorf("compared are models %q, adapters %q", got.Models, got.Adapters)
	}
	// The card of an adapter leads to the chat.
	for id, want := range map[string][]string{"bbbb11112222": {app.NoAdapter, "bbbb11112222"}, "aaaa11112222": {app.NoAdapter, ""}} {
		r.m.SetMode(0)
		r.m.Go(place.Compare{Adapter: id})
		r.settle()
		if got := asked("比べる"); !slices.Equal(got.Adapters, want) {
			t.Errorf("from the card of %s: adapters %q", id, got.Adapters)
		}
	}
	r.m.SetMode(2)
	has.all = nil
	r.m.Heard(app.TopicAdapters)
	r.settle()
	if r.m.Mode() != 0 || len(r.m.ModeLines()) != 3 {
		t.Errorf("an adapter that is gone can still be chosen: %q", r.m.ModeLines())
	}
	g := record.Given{Model: "starter", Adapter: "aaaa11112222", AdapterName: "規程", Group: "g", Answer: core.Answer{Receipt: &core.Receipt{ModelID: "0123456789", AdapterID: "aaaa11112222"}}}
	if got := r.m.caption(g); got != "starter + 規程 · 01234567 + aaaa1111" {
		t.Errorf("the caption is %q", got)
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	pending := 0
	r.talks.answer = func(_ context.Context, model, question string, _ func(app.Event), _ int) (record.Given, error) {
		g := givenText(model, question, "資料には記載がありません。")
		g.Answer.Refused, g.Pending = true, pending
		g.Answer.Passages = cited(model, question).Answer.Passages
		return g, nil
	}
	r.ask("ない")
	pending = 3
	r.ask("まだない")
	rows := r.m.Rows()
	absent, unready := rows[1], rows[4]
	if absent.Kind != RowAbsent || len(absent.Places) != 2 || absent.Text != "資料には記載がありません。" {
		t.Errorf("absent: %+v", absent)
	}
	if unready.Kind != RowAbsent || unready.Text != r.Text("chat.pending") || !strings.Contains(unready.Hint, "3") {
		t.Errorf("not ready: %+v", unready)
	}
	r.m.OpenPlace(absent.Turn, absent.Given, absent.Places[1].At)
	r.settle()
	if at, _ := r.m.PageWanted(); at.ID != "d3" {
		t.Errorf("page: %+v", at)
	}
}

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

func TestCorrection(t *testing.T) {
	r := newRig(t)
	r.talks.answer = func(_ context.Context, model, question string, _ func(app.Event), _ int) (record.Given, error) {
		return cited(model, question), nil
	}
	r.ask("質問")
	foot := r.m.Rows()[2]
	c := r.m.Correct(foot.Turn, foot.Given, func() {})
	r.settle()
	if r.m.Rows()[2].Verdict != record.Wrong {
		t.Error("the answer is not marked as wrong")
	}
	said := ""
	say := func(text string) { said = text }
	c.Save(func() { t.Error("an empty answer was saved") }, say)
	if want := r.Text("error.chat.correct.answer"); !strings.HasPrefix(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	c.Answer = "10日です。"
	r.talks.full = true
	c.Save(func() { t.Error("saved on a full disk") }, say)
	r.settle()
	if want := r.Text("error.store.full"); !strings.HasPrefix(said, want) || c.Answer == "" {
		t.Errorf("said %q, want %q", said, want)
	}
	r.talks.full = false
	c.SetKind(record.CorrectPlace)
	if len(c.Documents) != 2 || c.Document != 0 || c.Page != 12 {
		t.Fatalf("documents %v, chosen %d p.%d", c.Documents, c.Document, c.Page)
	}
	c.Turn(+1)
	if p := c.record().Place; p.Page != 13 || p.Text != "" { // the page has not come yet
		t.Errorf("place on the way: %+v", p)
	}
	r.settle()
	before, _, _ := strings.Cut(r.library.text, "10日の年次有給休暇")
	from := len([]rune(before))
	c.Select(from, from+len([]rune("10日の年次有給休暇")))
	if c.Chosen() != "10日の年次有給休暇" {
		t.Errorf("chosen: %q", c.Chosen())
	}
	saved := false
	c.Save(func() { saved = true }, say)
	r.settle()
	if !saved || len(r.talks.kept) != 1 {
		t.Fatalf("kept: %+v, errors %v", r.talks.kept, r.errors)
	}
	k := r.talks.kept[0]
	if k.Kind != record.CorrectPlace || k.Place.Page != 13 || string([]rune(r.library.text)[k.Place.Start:k.Place.End]) != "10日の年次有給休暇" {
		t.Errorf("place: %+v", k.Place)
	}
}

func TestTooLongAndEmpty(t *testing.T) {
	r := newRig(t)
	r.m.SetDraft("  \n ")
	if r.m.CanAsk() {
		t.Error("nothing can be asked")
	}
	r.m.SetDraft(strings.Repeat("あ", MaxQuestion))
	if !r.m.CanAsk() {
		t.Error("the longest question cannot be asked")
	}
	r.m.SetDraft(strings.Repeat("あ", MaxQuestion+1))
	if r.m.CanAsk() || !strings.Contains(r.m.InputNote(), "20001") {
		t.Errorf("note: %q", r.m.InputNote())
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

func TestProgressOfALoad(t *testing.T) {
	r := newRig(t)
	now := clock()
	r.m.now = func() time.Time { return now }
	go2 := make(chan struct{})
	r.talks.answer = func(ctx context.Context, model, question string, hear func(app.Event), place int) (record.Given, error) {
		hear(app.Loading{Given: place, Update: core.Update{Stage: "load", Done: 1, Total: 100}})
		<-go2
		hear(app.Loading{Given: place, Update: core.Update{Stage: "load", Done: 25, Total: 100}})
		<-ctx.Done()
		return record.Given{}, nil
	}
	r.m.SetDraft("質問")
	r.m.Ask()
	r.until("load begun", func() bool { return r.m.live.loading.Done == 1 })
	now = now.Add(5 * time.Second)
	close(go2)
	r.until("a quarter", func() bool { return r.m.live.loading.Done == 25 })
	text, share := r.m.Progress()
	if share != 0.25 || !strings.Contains(text, "25%") || !strings.Contains(text, "0:15") {
		t.Errorf("%q, %v", text, share)
	}
	if got := kinds(r.m.Rows()); !slices.Equal(got, []RowKind{RowQuestion, RowProgress}) {
		t.Errorf("rows: %v", got)
	}
	r.m.Stop()
	r.settle()
}

// What was asked for last is shown, also when what was asked for before comes later.
func TestTheLastAskedForIsShown(t *testing.T) {
	r := newRig(t)
	r.ask("前の会話")
	before := r.m.OpenID()
	r.m.New()
	r.m.Open(before, "")
	r.m.New()
	r.settle()
	if r.m.OpenID() != "" || len(r.m.Rows()) != 0 {
		t.Errorf("%q came over the new conversation", r.m.OpenID())
	}
	r.m.Open(before, "")
	r.until("open", func() bool { return r.m.OpenID() == before })
}

// An answer goes on while another conversation is read.
func TestReadElsewhereMeanwhile(t *testing.T) {
	r := newRig(t)
	r.ask("前の会話")
	before := r.m.OpenID()
	r.m.New()
	gate := make(chan struct{})
	r.talks.answer = func(ctx context.Context, model, question string, hear func(app.Event), place int) (record.Given, error) {
		hear(app.Delta{Given: place, Text: "半分"})
		<-gate
		return plainAnswer(ctx, model, question, hear, place)
	}
	r.m.SetDraft("新しい会話")
	r.m.Ask()
	r.until("begun", func() bool { return r.m.liveHere() && r.m.live.texts[0].rest == "半分" })
	now := r.m.OpenID()
	r.m.Open(before, "")
	r.until("the other is open", func() bool { return r.m.OpenID() == before })
	if len(r.m.Rows()) != 3 {
		t.Errorf("rows: %v", kinds(r.m.Rows()))
	}
	r.m.Open(now, "")
	r.until("back", func() bool { return r.m.OpenID() == now })
	if rows := r.m.Rows(); len(rows) != 2 || rows[1].Pieces[0].Text != "半分" {
		t.Errorf("rows: %+v", rows)
	}
	close(gate)
	r.settle()
	if got := kinds(r.m.Rows()); !slices.Equal(got, []RowKind{RowQuestion, RowText, RowFoot}) {
		t.Errorf("rows: %v", got)
	}
}
