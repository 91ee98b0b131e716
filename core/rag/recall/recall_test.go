package recall_test

import (
	"errors"
	"math"
	"testing"

	"kakoi/core"
	"kakoi/core/rag/recall"
)

const file = "\ufeff# about the rules\n\n" +
	`{"question": "何日もらえますか。", "document": "規則.docx", "text": "10日の年次有給休暇"}` + "\n" +
	`{"question": "Which room?", "document": ["a.txt", "b.txt"], "text": ["Room 214", "room two"]}` + "\n" +
	`{"question": "third", "document": "c.txt", "text": "x"}`

func TestParse(t *testing.T) {
	all, err := recall.Parse([]byte(file))
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	for _, c := range []struct {
		q              int
		document, text string
		want           bool
	}{
		{0, "人事/規則.docx", "社員には、１０日の\n年次 有給休暇を与える", true},
		{0, "規則.pdf", "10日の年次有給休暇", false},
		{0, "規則.docx", "10日の休暇", false},
		{1, "b.txt", "go to ROOM\n214 now", true},
		{1, "a.txt", "room two", true},
		{1, "c.txt", "room two", false},
	} {
		if got := all[c.q].Holds(c.document, c.text); got != c.want {
			t.Errorf("question %d, %q: %q: %v", c.q, c.document, c.text, got)
		}
	}
	hits := []core.Hit{{Name: "a.txt", Chunk: core.Chunk{Text: "no"}}, {Name: "a.txt", Chunk: core.Chunk{Text: "room 214"}}}
	if r := all[1].Rank(hits); r != 2 {
		t.Errorf("rank %d", r)
	}
	if r := all[2].Rank(hits); r != 0 {
		t.Errorf("rank %d of what was not found", r)
	}
	if a, b := recall.Tuning.Of(all), recall.Report.Of(all); len(a) != 2 || len(b) != 1 || b[0].Text != "Which room?" || len(recall.All.Of(all)) != 3 {
		t.Errorf("halves %v %v", a, b)
	}
	for _, bad := range []string{
		"", "# nothing\n", "{", `{"question":"q","document":"d"}`, `{"question":"q","document":"d","text":[""]}`, `{"question":" ","document":"d","text":"t"}`, `{"question":"q","document":[],"text":"t"}`,
	} {
		var said *core.UserError
		if _, err := recall.Parse([]byte(bad)); !errors.Is(err, core.ErrUsage) || !errors.As(err, &said) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestMeasure(t *testing.T) {
	f := recall.Measure([]int{1, 3, 0, 10, 11, 5, 1, 6})
	want := recall.Figures{
		Questions: 8, Recall1: 2.0 / 8, Recall5: 4.0 / 8, Recall10: 6.0 / 8,
		MRR:  (1 + 1 + 1.0/3 + 1.0/5 + 1.0/6 + 1.0/10) / 8,
		NDCG: (1 + 1 + 1/math.Log2(4) + 1/math.Log2(6) + 1/math.Log2(7) + 1/math.Log2(11)) / 8,
	}
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }
	if f.Questions != 8 || f.Recall1 != want.Recall1 || f.Recall5 != want.Recall5 || f.Recall10 != want.Recall10 || !near(f.MRR, want.MRR) || !near(f.NDCG, want.NDCG) {
		t.Errorf("%+v, want %+v", f, want)
	}
}
