package rag_test

import (
	"context"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/rag"
)

// A small model is shown the nearest sentence first, and a full prompt when that gives no answer.
func TestAskFromOneSentence(t *testing.T) {
	question := "夏季休暇は何日ですか。"
	ask := func(hidden int, say string) (core.Answer, *extractor, string) {
		t.Helper()
		a, gen, _ := newAsker(t, "ja")
		gen.hidden, gen.say = hidden, say
		var streamed strings.Builder
		ans, err := a.Ask(context.Background(), question, rag.Recommended(), func(d core.Delta) error {
			streamed.WriteString(d.Text)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return ans, gen, streamed.String()
	}

	ans, gen, streamed := ask(512, "3日です。")
	if len(ans.Citations) != 1 || !strings.Contains(ans.Citations[0].Text, "夏季休暇は3日") || streamed != "3日です。" || ans.Refused {
		t.Fatalf("answer %+v, streamed %q", ans, streamed)
	}
	if len(ans.Passages) != 1 || !strings.Contains(ans.Passages[0].Text, "夏季休暇は3日") || strings.Contains(gen.prompt, "忌引休暇") {
		t.Errorf("shown %+v in %q, want the sentence alone", ans.Passages, gen.prompt)
	}
	cite := ans.Citations[0]
	if got := string([]rune(docs[cite.Document])[cite.Start:cite.End]); got != cite.Text || cite.Start < ans.Passages[0].Start {
		t.Errorf("document has %q at the citation's place, not %q", got, cite.Text)
	}
	if ans.PromptTokens != len([]rune(gen.prompt)) || ans.NewTokens == 0 {
		t.Errorf("%d and %d tokens", ans.PromptTokens, ans.NewTokens)
	}

	// Neither a refusal nor the question said again is an answer: then it is a full prompt, and emitted once.
	for _, say := range []string{"資料には記載がありません。", "夏季休暇です。"} {
		ans, gen, streamed := ask(512, say)
		if streamed != say || !strings.Contains(gen.prompt, "忌引休暇") {
			t.Errorf("%s: streamed %q, last prompt %q", say, streamed, gen.prompt)
		}
		if ans.Refused != strings.HasPrefix(say, "資料") {
			t.Errorf("%s: refused %v", say, ans.Refused)
		}
	}

	// The value of another thing is not confirmed, though it stands in the documents.
	if ans, _, _ := ask(512, "10日です。"); len(ans.Citations) != 0 || len(ans.Unsupported) != 1 {
		t.Errorf("another leave's days: citations %+v, unsupported %q", ans.Citations, ans.Unsupported)
	}
	// A large model gets the full prompt at once.
	if _, gen, _ := ask(4096, "3日です。"); !strings.Contains(gen.prompt, "忌引休暇") {
		t.Errorf("prompt of a large model %q", gen.prompt)
	}
}
