package rag_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/rag"
)

// asking hears every prompt that is sent.
type asking struct {
	core.Generator
	prompts  []string
	refusals []*core.Refusal
}

func (g *asking) Generate(ctx context.Context, reqs []core.GenerateRequest, emit func(int, core.Delta) error) ([]core.Reply, error) {
	for _, r := range reqs {
		g.prompts, g.refusals = append(g.prompts, r.Prompt), append(g.refusals, r.Refusal)
	}
	return g.Generator.Generate(ctx, reqs, emit)
}

// What Prepare builds is what Ask sends, byte for byte: of a wide model one prompt, of a narrow one the focused prompt before it.
func TestPrepareIsWhatAskSends(t *testing.T) {
	for _, hidden := range []int{4096, 512} {
		for _, question := range []string{"夏季休暇は何日ですか。", "  忌引休暇は何日ですか。\n", "ゾウの平均体重は？"} {
			a, gen, _ := newAsker(t, "ja")
			gen.hidden, gen.say = hidden, "資料には記載がありません。"
			heard := &asking{Generator: gen}
			a.Generator = heard
			p, err := a.Prepare(context.Background(), question, rag.Recommended())
			if err != nil || len(heard.prompts) != 0 {
				t.Fatalf("%q: %v, asked %q", question, err, heard.prompts)
			}
			ans, err := a.Ask(context.Background(), question, rag.Recommended(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if p.Focused != "" {
				want = append(want, p.Focused)
			}
			if !p.None {
				want = append(want, p.Prompt)
			}
			if !slices.Equal(heard.prompts, want) {
				t.Errorf("%q, %d wide: sent %q, prepared %q", question, hidden, heard.prompts, want)
			}
			if strings.Contains(question, "休暇") && (p.None || (p.Focused == "") != (hidden == 4096)) {
				t.Errorf("%q, %d wide: %+v", question, hidden, p)
			}
			if p.None {
				continue
			}
			if ans.PromptTokens != p.Tokens || !slices.EqualFunc(ans.Passages, p.Passages, func(a, b core.Passage) bool { return a.Text == b.Text }) {
				t.Errorf("%q: answered from %+v, prepared %+v", question, ans.Passages, p.Passages)
			}
		}
	}
}

// TestAskWithGivenPassages: what is given is read, in its order and past a narrow model's usual length, and nothing is searched.
func TestAskWithGivenPassages(t *testing.T) {
	a, gen, emb := newAsker(t, "en")
	gen.hidden = 512
	heard := &asking{Generator: gen}
	a.Generator = heard
	given := []core.Passage{
		{Document: "x", Name: "x.txt", Page: 1, End: 27, Text: "Nothing of use stands here."},
		{Document: "y", Name: "y.txt", Page: 2, End: 34, Text: "The hotel limit is $999 per night."},
		{Document: "z", Name: "z.txt", Page: 1, End: 27, Text: "Nothing of use stands here."}, // the same text: read once
	}
	opt := rag.Recommended()
	opt.Given, opt.PromptTokens = given, 1<<30
	ans, err := a.Ask(context.Background(), "What is the hotel limit per night?", opt, nil)
	if err != nil || ans.Refused || !strings.Contains(ans.Text, "$999") || len(ans.Citations) != 1 || ans.Citations[0].Document != "y.txt" || ans.Citations[0].Page != 2 {
		t.Fatalf("%+v, %v", ans, err)
	}
	if len(heard.prompts) != 1 || len(ans.Passages) != 2 || ans.Passages[0].Name != "x.txt" || ans.Passages[1].Name != "y.txt" {
		t.Errorf("sent %q with %+v", heard.prompts, ans.Passages)
	}
	if emb.calls > 1 { // the citation may embed, the search would too
		t.Errorf("%d calls of the embedder", emb.calls)
	}
}
