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
	prompts []string
}

func (g *asking) Generate(ctx context.Context, reqs []core.GenerateRequest, emit func(int, core.Delta) error) ([]core.Reply, error) {
	for _, r := range reqs {
		g.prompts = append(g.prompts, r.Prompt)
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
