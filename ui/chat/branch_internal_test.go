package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/place"
)

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
