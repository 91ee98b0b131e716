package chat

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
)

// long is a rig whose conversation has n answers of some 300 characters with citations.
func long(b *testing.B, n int) *rig {
	r := newRig(b)
	id := "talk"
	r.talks.heads = []record.Conversation{{ID: id, Title: "長い会話", Changed: clock(), Leaf: fmt.Sprint("t", n-1)}}
	parent := ""
	for i := range n {
		g := cited("starter", "質問")
		g.ID = fmt.Sprint("g", i)
		g.Answer.Text += strings.Repeat("年次有給休暇は入社半年後に十日与えられます。", 12)
		turn := record.Turn{ID: fmt.Sprint("t", i), Conversation: id, Parent: parent, Question: fmt.Sprint("質問 ", i, " 有給休暇はいつから使えますか。"), Answers: []record.Given{g}}
		r.talks.turns[id] = append(r.talks.turns[id], turn)
		parent = turn.ID
	}
	r.show(usual())
	r.m.Open(id, "")
	r.settle()
	if len(r.m.Rows()) != 3*n {
		b.Fatalf("%d rows", len(r.m.Rows()))
	}
	return r
}

// A conversation of 500 answers that was read again, as after every answer.
func BenchmarkReopen500(b *testing.B) {
	r := long(b, 500)
	for b.Loop() {
		r.m.take(r.m.open)
		r.m.tell(changedAll)
	}
}

// A page up or down in 500 answers, with the rows that come into sight made and measured.
func BenchmarkScroll500(b *testing.B) {
	r := long(b, 500)
	roll := r.screen.transcript.roll
	by, n := float32(-0.9), 0
	for b.Loop() {
		roll.PageBy(by)
		if n++; n%400 == 0 {
			by = -by
		}
	}
}

// One update of an answer that is being given, below 500 others; the answer grows to 100,000 characters.
func BenchmarkStream500(b *testing.B) {
	r := long(b, 500)
	l := &live{cancel: func() {}, texts: []*growing{{}}, passages: nil}
	l.passages = append(l.passages, nil)
	r.m.live = l
	turn := record.Turn{ID: "live", Conversation: "talk", Parent: "t499", Question: "長い回答"}
	r.m.tell(r.m.heard(l, app.TurnStarted{Conversation: r.m.open.Conversation, Turn: turn}))
	for b.Loop() {
		if l.texts[0].length > 300_000 {
			b.StopTimer()
			l.texts[0] = &growing{}
			b.StartTimer()
		}
		r.m.tell(r.m.heard(l, app.Delta{Text: "年次有給休暇は、"}))
	}
	r.m.live = nil
}

// An answer of 100,000 characters, shown and scrolled through.
func BenchmarkHuge(b *testing.B) {
	r := newRig(b)
	r.show(usual())
	r.talks.answer = func(_ context.Context, model, question string, _ func(app.Event), _ int) (record.Given, error) {
		return givenText(model, question, strings.Repeat("年次有給休暇は入社半年後に十日与えられます。", 4600)), nil
	}
	r.ask("とても長い回答")
	roll := r.screen.transcript.roll
	b.Run("show", func(b *testing.B) {
		for b.Loop() {
			r.m.take(r.m.open)
			r.screen.transcript = newTranscriptView(r.screen)
			r.screen.transcript.roll.Resize(roll.Size())
			r.screen.transcript.refresh()
		}
	})
	b.Run("page", func(b *testing.B) {
		by, n := float32(-0.9), 0
		for b.Loop() {
			roll.PageBy(by)
			if n++; n%100 == 0 {
				by = -by
			}
		}
	})
}
