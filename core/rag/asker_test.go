package rag_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/rag"
)

var docs = map[string]string{
	"就業規則.docx": rules, "価格表.html": catalog, "秋祭り.md": festival, "秋祭り（写し）.md": festival, "guide.md": guide,
}

func newAsker(t *testing.T, lang string) (*rag.Asker, *extractor, *hashEmbedder) {
	t.Helper()
	ts := shipped(t)
	emb := &hashEmbedder{}
	gen := &extractor{template: ts[lang], maxTokens: 1024}
	return &rag.Asker{Search: newMemory(docs, emb), Embedder: emb, Generator: gen, Templates: ts}, gen, emb
}

func TestAsk(t *testing.T) {
	for _, c := range []struct{ lang, question, document, text string }{
		{"ja", "夏季休暇は何日ですか。", "就業規則.docx", "夏季休暇は3日"},
		{"ja", "最低注文金額はいくらですか。", "価格表.html", "最低注文金額は5,000円"},
		{"ja", "スタンプラリーの参加者は何人ですか。", "秋祭り.md", "612人"},
		{"en", "What is the hotel limit per night?", "guide.md", "$180"},
	} {
		t.Run(c.question, func(t *testing.T) {
			a, gen, _ := newAsker(t, c.lang)
			clock := time.Unix(0, 0)
			a.Now = func() time.Time { clock = clock.Add(time.Second / 4); return clock }
			opt := rag.Recommended()
			opt.Adapter = "a1"
			var streamed strings.Builder
			ans, err := a.Ask(context.Background(), " "+c.question+"\n", opt, func(d core.Delta) error {
				streamed.WriteString(d.Text)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if ans.Refused || !strings.Contains(ans.Text, c.text) || streamed.String() != ans.Text || len(ans.Unsupported) != 0 {
				t.Fatalf("answer %+v, streamed %q", ans, streamed.String())
			}
			if len(ans.Citations) != 1 || ans.Citations[0].Document != c.document || !strings.Contains(ans.Citations[0].Text, c.text) {
				t.Fatalf("citations %+v", ans.Citations)
			}
			cite := ans.Citations[0]
			if got := string([]rune(docs[c.document])[cite.Start:cite.End]); got != cite.Text {
				t.Errorf("document has %q at the citation's place, not %q", got, cite.Text)
			}
			if ans.Question != c.question || ans.Model != "extractor" || ans.Adapter != "a1" || ans.NewTokens != len([]rune(ans.Text)) {
				t.Errorf("answer %+v", ans)
			}
			if n := len([]rune(gen.prompt)); ans.PromptTokens != n || n > 1024-opt.Sampling.MaxNewTokens {
				t.Errorf("prompt of %d tokens, said %d", n, ans.PromptTokens)
			}
			if ans.FirstToken <= 0 || ans.Seconds <= ans.FirstToken {
				t.Errorf("first token at %v, end at %v", ans.FirstToken, ans.Seconds)
			}
			if strings.Count(gen.prompt, c.text) != 1 {
				t.Errorf("the model reads %q %d times", c.text, strings.Count(gen.prompt, c.text))
			}
		})
	}
}

func TestAskNamesSameText(t *testing.T) {
	a, _, _ := newAsker(t, "ja")
	ans, err := a.Ask(context.Background(), "スタンプラリーの参加者は何人ですか。", rag.Recommended(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ans.Passages {
		if strings.Contains(p.Text, "スタンプラリーの参加者は612人") {
			if len(p.Same) != 1 || !strings.HasPrefix(p.Same[0], "秋祭り") || p.Same[0] == p.Name {
				t.Fatalf("%s is the same as %q", p.Name, p.Same)
			}
			return
		}
	}
	t.Fatalf("no passage has it: %+v", ans.Passages)
}

func TestAskRefuses(t *testing.T) {
	t.Run("the model", func(t *testing.T) {
		a, gen, _ := newAsker(t, "ja")
		gen.say = " 資料には記載がありません。"
		ans, err := a.Ask(context.Background(), "夏季休暇の手当はいくらですか。", rag.Recommended(), nil)
		if err != nil || !ans.Refused || ans.Text != "資料には記載がありません。" || len(ans.Passages) == 0 || len(ans.Citations) != 0 {
			t.Fatalf("answer %+v, %v", ans, err)
		}
		raw, err := json.Marshal(ans)
		if err != nil || !strings.Contains(string(raw), `"citations":[]`) || !strings.Contains(string(raw), `"unsupported":[]`) {
			t.Errorf("JSON %s, %v", raw, err)
		}
	})
	t.Run("an empty library, without the model", func(t *testing.T) {
		a, gen, emb := newAsker(t, "en")
		a.Search = newMemory(nil, emb)
		streamed := ""
		ans, err := a.Ask(context.Background(), "Who wrote it?", rag.Recommended(), func(d core.Delta) error { streamed += d.Text; return nil })
		if err != nil || !ans.Refused || gen.prompt != "" || streamed != "The documents do not say." || ans.Passages == nil {
			t.Fatalf("answer %+v, streamed %q, %v", ans, streamed, err)
		}
	})
}

func TestAskMarksWhatIsMadeUp(t *testing.T) {
	a, gen, _ := newAsker(t, "ja")
	gen.say = "夏季休暇は3日です。冬季休暇は8日です。"
	ans, err := a.Ask(context.Background(), "夏季休暇は何日ですか。", rag.Recommended(), nil)
	if err != nil || len(ans.Citations) != 1 || len(ans.Unsupported) != 1 || ans.Unsupported[0] != "冬季休暇は8日です。" {
		t.Fatalf("citations %+v, unsupported %q, %v", ans.Citations, ans.Unsupported, err)
	}
}

func TestAskWithoutEmbedder(t *testing.T) {
	a, _, _ := newAsker(t, "ja")
	a.Embedder = nil
	ans, err := a.Ask(context.Background(), "夏季休暇は何日ですか。", rag.Recommended(), nil)
	if err != nil || len(ans.Citations) != 1 {
		t.Fatalf("answer %+v, %v", ans, err)
	}
}

func TestAskCancelled(t *testing.T) {
	a, gen, _ := newAsker(t, "ja")
	ctx, cancel := context.WithCancel(context.Background())
	gen.after = cancel
	ans, err := a.Ask(ctx, "夏季休暇は何日ですか。", rag.Recommended(), nil)
	if !errors.Is(err, context.Canceled) || len([]rune(ans.Text)) != 1 || ans.NewTokens != 1 || len(ans.Passages) == 0 {
		t.Fatalf("answer %+v, %v", ans, err)
	}
	stop := errors.New("enough")
	gen.after = nil
	ans, err = a.Ask(context.Background(), "夏季休暇は何日ですか。", rag.Recommended(), func(core.Delta) error { return stop })
	if !errors.Is(err, stop) || ans.Text == "" {
		t.Fatalf("answer %+v, %v", ans, err)
	}
}

type failing struct {
	*memory
	dense, lexical error
}

func (f failing) Dense(ctx context.Context, question string, v core.Vector, id string, k int) ([]core.Hit, error) {
	if f.dense != nil {
		return nil, f.dense
	}
	return f.memory.Dense(ctx, question, v, id, k)
}

func (f failing) Lexical(ctx context.Context, text string, k int) ([]core.Hit, error) {
	if f.lexical != nil {
		return nil, f.lexical
	}
	<-ctx.Done() // the other search failed: this one must be told
	return nil, ctx.Err()
}

func TestAskErrors(t *testing.T) {
	a, gen, emb := newAsker(t, "ja")
	m := newMemory(docs, emb)
	for _, c := range []struct {
		name, question string
		change         func()
		want           error
	}{
		{"no question", " \n", func() {}, core.ErrUsage},
		{"too long, before anything is embedded", strings.Repeat("長い", 25000), func() { emb.calls = 0 }, core.ErrTooLarge},
		{"dense search", "夏季休暇は?", func() { a.Search = failing{m, core.ErrCorrupt, nil} }, core.ErrCorrupt},
		{"lexical search", "夏季休暇は?", func() { a.Search = failing{m, nil, core.ErrBusy} }, core.ErrBusy},
		{"no model", "夏季休暇は?", func() { a.Generator = nil }, core.ErrNoModel},
	} {
		c.change()
		_, err := a.Ask(context.Background(), c.question, rag.Recommended(), nil)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if c.want == core.ErrTooLarge && emb.calls != 0 {
			t.Errorf("%s: embedded %d times", c.name, emb.calls)
		}
	}
	if gen.prompt != "" {
		t.Error("the model was asked")
	}
}

func TestPresets(t *testing.T) {
	for name, want := range map[string]core.Sampling{
		"TECH Lab":    {Temperature: 0.2, RepetitionPenalty: 1.1, MaxNewTokens: 56, Seed: 1},
		"techlab":     {Temperature: 0.2, RepetitionPenalty: 1.1, MaxNewTokens: 56, Seed: 1},
		"Recommended": {MaxNewTokens: 96},
		"":            {MaxNewTokens: 96},
	} {
		got, err := rag.Preset(name)
		if err != nil || got.Sampling.Temperature != want.Temperature || got.Sampling.RepetitionPenalty != want.RepetitionPenalty || got.Sampling.MaxNewTokens != want.MaxNewTokens {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	if _, err := rag.Preset("best"); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("unknown preset: %v", err)
	}
}

// A narrow model gets a short prompt, unless told otherwise or the question itself is longer.
func TestAskSmallModel(t *testing.T) {
	question := "夏季休暇は何日ですか。"
	for _, c := range []struct {
		name, question          string
		hidden, prompt, wantMax int
		wantMin                 int
	}{
		{"wide", question, 2816, 0, 928, 257},
		{"narrow", question, 512, 0, 256, 1},
		{"narrow, told otherwise", question, 512, 300, 300, 257},
		{"narrow, long question", question + strings.Repeat("それから、別のことです。", 40), 512, 0, 928, 480},
	} {
		a, gen, _ := newAsker(t, "ja")
		gen.hidden = c.hidden
		opt := rag.Recommended()
		opt.PromptTokens, opt.Passages = c.prompt, 12
		ans, err := a.Ask(context.Background(), c.question, opt, nil)
		if err != nil || ans.PromptTokens > c.wantMax || ans.PromptTokens < c.wantMin || len(ans.Passages) == 0 {
			t.Errorf("%s: prompt of %d tokens, %d passages, %v", c.name, ans.PromptTokens, len(ans.Passages), err)
		}
	}
}
