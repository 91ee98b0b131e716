package chat

import (
	"context"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
)

// TestSourcesThatSayTheSame: beside a source that is a version of an earlier one stands which, and how alike they are; both stay. After a change
// of the documents it is looked for again.
func TestSourcesThatSayTheSame(t *testing.T) {
	r := newRig(t)
	r.library.kin = map[string][]app.Relative{
		"d1": {{ID: "d3", Name: "経費精算の手引き.txt", Relation: app.RelationNewer, Percent: 92}},
		"d3": {{ID: "d9", Name: "nowhere", Relation: app.RelationSame, Percent: 100}, {ID: "d1", Name: "就業規則.pdf", Relation: app.RelationOlder, Percent: 92}},
	}
	r.talks.answer = func(_ context.Context, model, question string, _ func(app.Event), _ int) (record.Given, error) {
		return cited(model, question), nil
	}
	r.ask("有給休暇はいつから使えますか。")
	r.settle()
	cards := r.m.Cards()
	if len(cards) != 3 || cards[0].Note != "" || cards[1].Note != "" || cards[2].Note != "[1] 就業規則.pdf の古い版です(92% 一致)" {
		t.Fatalf("%+v", cards)
	}
	r.library.kin = nil
	r.m.Heard(app.TopicDocuments)
	r.m.Choose(1)
	r.settle()
	if note := r.m.Cards()[2].Note; note != "" {
		t.Errorf("still said: %s", note)
	}
}
