package rag_test

import (
	"context"
	"testing"

	"kakoi/core"
	"kakoi/core/rag"
)

// The receipt has what the model was really asked, and the passages are heard of before it is.
func TestReceipt(t *testing.T) {
	a, gen, _ := newAsker(t, "ja")
	opt := rag.Recommended()
	opt.Adapter, opt.Sampling.Seed = "a1", 7
	var found []core.Passage
	opt.OnPassages = func(ps []core.Passage) {
		if found = ps; gen.prompt != "" {
			t.Error("the model was asked before the passages were told")
		}
	}
	ans, err := a.Ask(context.Background(), "夏季休暇は何日ですか。", opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := ans.Receipt
	if r == nil || r.Prompt != gen.prompt || r.PromptSHA256 != rag.Sum(gen.prompt) || r.Template != "ja" || r.EmbedderID != "hash" || r.AdapterID != "a1" {
		t.Fatalf("receipt %+v of prompt %q", r, gen.prompt)
	}
	if r.ModelID != gen.Info().ID || r.Sampling.Seed != 7 || r.Sampling.MaxNewTokens != opt.Sampling.MaxNewTokens || len(r.Sampling.Stop) == 0 {
		t.Errorf("receipt %+v", r)
	}
	if r.Reply != ans.Text || r.ReplySHA256 != rag.Sum(ans.Text) || r.Stop == "" || len(r.Tokens) != ans.NewTokens {
		t.Errorf("reply of receipt %+v", r)
	}
	if len(found) == 0 {
		t.Error("no passages were told")
	}
	// Nothing found: the model is not asked, and the receipt does not say it was.
	gen.prompt = ""
	ans, err = a.Ask(context.Background(), "ゾウの平均体重は？", opt, nil)
	if err != nil || !ans.Refused {
		t.Fatalf("%+v, %v", ans, err)
	}
	if ans.Receipt == nil || ans.Receipt.Prompt != gen.prompt || ans.Receipt.ModelID == "" && gen.Info().ID != "" {
		t.Errorf("receipt of a refusal %+v", ans.Receipt)
	}
}
