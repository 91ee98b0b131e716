package rag_test

import (
	"context"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/rag"
)

// choir answers each request with the extractor of its adapter's folder.
type choir struct {
	voices map[string]*extractor
	sizes  []int // requests of each call
}

func (g *choir) Info() core.GeneratorInfo { return g.voices[""].Info() }
func (g *choir) Close() error             { return nil }
func (g *choir) CountTokens(ctx context.Context, texts []string) ([]int, error) {
	return g.voices[""].CountTokens(ctx, texts)
}

func (g *choir) Generate(ctx context.Context, reqs []core.GenerateRequest, emit func(int, core.Delta) error) ([]core.Reply, error) {
	g.sizes = append(g.sizes, len(reqs))
	var replies []core.Reply
	for i, r := range reqs {
		one, err := g.voices[r.Adapter].Generate(ctx, []core.GenerateRequest{r}, func(_ int, d core.Delta) error { return emit(i, d) })
		if replies = append(replies, one...); err != nil {
			return replies, err
		}
	}
	return replies, nil
}

// TestAskEach: two lanes read the same prompt in one call; each has its own answer, stream and receipt. A narrow model is asked from one
// sentence first: a lane that answers then is done, the other goes on alone.
func TestAskEach(t *testing.T) {
	for _, c := range []struct {
		name   string
		hidden int
		sizes  []int
	}{{"wide", 4096, []int{2}}, {"narrow", 512, []int{2, 1}}} {
		t.Run(c.name, func(t *testing.T) {
			a, plain, _ := newAsker(t, "ja")
			plain.hidden = c.hidden
			grumpy := &extractor{template: plain.template, maxTokens: plain.maxTokens, hidden: c.hidden, say: "資料には記載がありません。"}
			g := &choir{voices: map[string]*extractor{"": plain, "/adapters/grumpy": grumpy}}
			a.Generator = g
			var streamed [2]strings.Builder
			answers, err := a.AskEach(context.Background(), "夏季休暇は何日ですか。", rag.Recommended(), []rag.Lane{{}, {Adapter: "g1", Dir: "/adapters/grumpy"}}, func(i int, d core.Delta) error {
				streamed[i].WriteString(d.Text)
				return nil
			})
			if err != nil || len(answers) != 2 {
				t.Fatal(answers, err)
			}
			if len(g.sizes) != len(c.sizes) || g.sizes[0] != 2 || g.sizes[len(g.sizes)-1] != c.sizes[len(c.sizes)-1] {
				t.Errorf("calls of %v requests, want %v", g.sizes, c.sizes)
			}
			base, tuned := answers[0], answers[1]
			if base.Refused || !strings.Contains(base.Text, "夏季休暇は3日") || base.Adapter != "" || base.Receipt.AdapterID != "" || len(base.Citations) != 1 || streamed[0].String() != base.Text {
				t.Errorf("the model as it is: %+v, streamed %q", base, streamed[0].String())
			}
			if !tuned.Refused || tuned.Text != "資料には記載がありません。" || tuned.Adapter != "g1" || tuned.Receipt.AdapterID != "g1" || len(tuned.Passages) == 0 || streamed[1].String() != tuned.Text {
				t.Errorf("with the adapter: %+v, streamed %q", tuned, streamed[1].String())
			}
			if base.Receipt.PromptSHA256 != rag.Sum(plain.prompt) || tuned.Receipt.PromptSHA256 != rag.Sum(grumpy.prompt) || c.hidden == 4096 && plain.prompt != grumpy.prompt {
				t.Errorf("prompts of the receipts: %+v, %+v", base.Receipt, tuned.Receipt)
			}
		})
	}
	a, _, _ := newAsker(t, "ja")
	answers, err := a.AskEach(context.Background(), "ゾウの平均体重は？", rag.Recommended(), []rag.Lane{{}, {Adapter: "g1"}}, nil)
	if err != nil || !answers[0].Refused || !answers[1].Refused || answers[1].Receipt.AdapterID != "g1" {
		t.Errorf("nothing found: %+v, %v", answers, err)
	}
}
