package rag_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/rag"
)

// aroundAsker asks of one page of numbered sentences, 30 characters each, in chunks of 70 that overlap by 20.
func aroundAsker(t *testing.T, about string) (*rag.Asker, *extractor) {
	t.Helper()
	a, gen, _ := newAsker(t, "ja")
	var page strings.Builder
	for i := range 40 {
		text := "第" + string(rune('一'+i)) + "号の机は階段の脇にあり、係員が毎朝みがいている。\n"
		if i == 20 {
			text = about + "\n"
		}
		page.WriteString(text)
	}
	a.Search = newMemory(map[string]string{"机.txt": page.String()}, a.Embedder)
	gen.hidden, gen.maxTokens = 4096, 4096
	return a, gen
}

// TestNeighbours: what is around the hits goes into the prompt once, in one piece with them, as far as the budget goes; and what is sent is what is
// prepared.
func TestNeighbours(t *testing.T) {
	const question = "金庫の鍵はどこですか。"
	a, gen := aroundAsker(t, "金庫の鍵は受付の引き出しにある。")
	opt := rag.Recommended()
	opt.Passages = 1
	plain, err := a.Prepare(context.Background(), question, opt)
	if err != nil || len(plain.Passages) != 1 {
		t.Fatalf("%+v, %v", plain, err)
	}
	before := plain.Passages[0]
	last := before
	for n := 1; n <= 3; n++ {
		opt.Neighbours = n
		p, err := a.Prepare(context.Background(), question, opt)
		if err != nil || len(p.Passages) != 1 {
			t.Fatalf("%d around: %+v, %v", n, p.Passages, err)
		}
		got := p.Passages[0]
		if got.Start != before.Start-50*n || got.End != before.End+50*n {
			t.Errorf("%d around: %d to %d, the hit is %d to %d", n, got.Start, got.End, before.Start, before.End)
		}
		page, _ := a.Search.PageText(context.Background(), got.Document, got.Page)
		if got.Text != string([]rune(page)[got.Start:got.End]) || !strings.Contains(got.Text, last.Text) {
			t.Errorf("%d around: %q is not the page's text around %q", n, got.Text, last.Text)
		}
		if p.Found[0].Text != before.Text {
			t.Errorf("%d around: found %q, want the hit alone", n, p.Found[0].Text)
		}
		heard := &asking{Generator: gen}
		a.Generator = heard
		if _, err := a.Ask(context.Background(), question, opt, nil); err != nil || !slices.Equal(heard.prompts, []string{p.Prompt}) {
			t.Errorf("%d around: sent %q, prepared %q, %v", n, heard.prompts, p.Prompt, err)
		}
		a.Generator = gen
		last = got
	}
	// Every budget holds, and one that has no room for more leaves the hit as it is.
	for budget := plain.Tokens; budget < plain.Tokens+400; budget += 7 {
		opt.PromptTokens = budget
		p, err := a.Prepare(context.Background(), question, opt)
		if err != nil || p.Tokens > budget || !strings.Contains(p.Passages[0].Text, before.Text) || len([]rune(p.Prompt)) != p.Tokens {
			t.Fatalf("budget %d: %d tokens, %+v, %v", budget, p.Tokens, p.Passages, err)
		}
		if budget == plain.Tokens && p.Prompt != plain.Prompt {
			t.Errorf("no room: %q", p.Prompt)
		}
	}
	// A search shows them too, without a budget.
	opt.PromptTokens = 0
	found, err := a.Passages(context.Background(), question, opt)
	if err != nil || len(found) != 1 || found[0].Text != last.Text {
		t.Errorf("search: %+v, %v", found, err)
	}
}

// TestNeighboursMeet: passages that reach each other become one, at the place of the better one, and no text is there twice.
func TestNeighboursMeet(t *testing.T) {
	const question = "金庫の鍵はどこですか。"
	a, _ := aroundAsker(t, "金庫の鍵は受付の引き出しにある。")
	opt := rag.Recommended()
	opt.Passages = 8
	plain, err := a.Prepare(context.Background(), question, opt)
	if err != nil {
		t.Fatal(err)
	}
	opt.Neighbours = 5
	p, err := a.Prepare(context.Background(), question, opt)
	if err != nil || len(p.Passages) >= len(plain.Passages) {
		t.Fatalf("%d passages, %d without what is around them, %v", len(p.Passages), len(plain.Passages), err)
	}
	if p.Passages[0].Score != plain.Passages[0].Score || !strings.Contains(p.Passages[0].Text, "金庫の鍵") {
		t.Errorf("first is %+v", p.Passages[0])
	}
	for i, x := range p.Passages {
		for _, y := range p.Passages[i+1:] {
			if x.Start < y.End && y.Start < x.End {
				t.Errorf("%d to %d and %d to %d overlap", x.Start, x.End, y.Start, y.End)
			}
		}
	}
	for _, h := range plain.Passages {
		if !slices.ContainsFunc(p.Passages, func(w core.Passage) bool { return w.Start <= h.Start && h.End <= w.End }) {
			t.Errorf("the hit at %d to %d is gone", h.Start, h.End)
		}
	}
}
