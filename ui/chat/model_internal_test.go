package chat

import (
	"context"
	"errors"
	"fmt"
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
