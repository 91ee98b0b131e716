package rag_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"kakoi/core"
	"kakoi/core/rag"
	"kakoi/resources"
)

func shipped(t *testing.T) rag.Templates {
	t.Helper()
	ts, err := rag.LoadTemplates(resources.Prompts)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

// The starter model was trained on exactly these bytes.
func TestPromptBytes(t *testing.T) {
	ts := shipped(t)
	passages := []core.Passage{{Text: "一つ目。"}, {Text: "二つ目は{question}です。\n"}}
	want := "ユーザー:以下の情報を参照し、質問に回答してください。\n\n-----------\n一つ目。\n\n二つ目は{question}です。\n-----------\n\n質問→何ですか。\nシステム:"
	if got := ts.For("何ですか。").Prompt(passages, " 何ですか。\n"); got != want {
		t.Errorf("ja prompt\n%q, want\n%q", got, want)
	}
	want = "User: Answer the question using the information below.\n\n-----------\nOne.\n-----------\n\nQuestion: What is {context}?\nSystem:"
	if got := ts.For("What?").Prompt([]core.Passage{{Text: "One."}}, "What is {context}?"); got != want {
		t.Errorf("en prompt\n%q, want\n%q", got, want)
	}
	if ja, en := ts["ja"].Refusal(), ts["en"].Refusal(); ja != "資料には記載がありません。" || en != "The documents do not say." {
		t.Errorf("refusals %q, %q", ja, en)
	}
	if stop := ts["ja"].Stop(); !slices.Equal(stop, []string{"\nユーザー:"}) {
		t.Errorf("stop %q", stop)
	}
}

func TestLanguage(t *testing.T) {
	for q, want := range map[string]string{
		"有給休暇は?": "ja", "KX-200のprice": "ja", "ｶﾀｶﾅ": "ja", "What is KX-200?": "en", "": "en", "Combien coûte-t-il ?": "en",
	} {
		if got := rag.Language(q); got != want {
			t.Errorf("%q: %q, want %q", q, got, want)
		}
	}
}

func TestEditedTemplate(t *testing.T) {
	edited := fstest.MapFS{"ja.tmpl": {Data: []byte("\ufeff# mine\r\n# refusal: 分かりません。\r\n質問: {question}\r\n資料: {context}\r\n")}}
	ts, err := rag.LoadTemplates(edited, resources.Prompts)
	if err != nil {
		t.Fatal(err)
	}
	got := ts["ja"].Prompt([]core.Passage{{Text: "{question}"}}, "何?")
	if want := "質問: 何?\n資料: {question}"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if r := ts["ja"].Refusal(); r != "分かりません。" {
		t.Errorf("refusal %q", r)
	}
	if ts["en"].Refusal() != "The documents do not say." {
		t.Error("the English template is not the shipped one")
	}
	for name, text := range map[string]string{
		"no context": "質問: {question}", "twice": "{question} {question} {context}", "not utf-8": "{question} {context} \xff",
	} {
		_, err := rag.LoadTemplates(fstest.MapFS{"ja.tmpl": {Data: []byte(text)}}, resources.Prompts)
		var user *core.UserError
		if !errors.As(err, &user) || !strings.HasPrefix(user.Key, "error.template.") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := rag.LoadTemplate("fr", resources.Prompts); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("a template that is not there: %v", err)
	}
}

func TestRefused(t *testing.T) {
	tmpl := shipped(t)["ja"]
	for answer, want := range map[string]bool{
		"資料には記載がありません。": true, " 資料には記載がありません": true, "資料には 記載がありません。詳しくは総務へ。": true,
		"The documents do not say.": true, "the documents do not say": true, "": true, "。": true,
		"10日です。": false, "この資料には10日と記載があります。": false, "The documents say 10 days.": false, "資料にはありません": false,
	} {
		if got := rag.Refused(answer, tmpl); got != want {
			t.Errorf("%q: %v, want %v", answer, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	ctx := context.Background()
	tmpl := shipped(t)["ja"]
	question := "夏季休暇は何日ですか。"
	passages := []core.Passage{cut(rules, "第11条", "就業規則.docx", "r"), cut(catalog, "品番", "価格表.html", "c"), cut(guide, "The", "guide.md", "g")}
	full := len([]rune(tmpl.Prompt(passages, question)))
	base := len([]rune(tmpl.Prompt(nil, question)))

	gen := &extractor{}
	fit, prompt, tokens, err := rag.Fit(ctx, gen, tmpl, passages, question, full)
	if err != nil || len(fit) != 3 || tokens != full || prompt != tmpl.Prompt(passages, question) || gen.calls != 1 {
		t.Fatalf("all fit: %d passages, %d of %d tokens, %d calls, %v", len(fit), tokens, full, gen.calls, err)
	}

	// Every budget from nothing to all: never over it, never more than three calls on the way but for the last cuts,
	// the kept passages are stretches of the given ones in their order, and a larger budget keeps at least as many.
	last := 0
	for budget := base; budget < full; budget += 7 {
		gen := &extractor{}
		fit, prompt, tokens, err := rag.Fit(ctx, gen, tmpl, passages, question, budget)
		if err != nil {
			t.Fatalf("budget %d: %v", budget, err)
		}
		if n := len([]rune(prompt)); n > budget || n != tokens {
			t.Fatalf("budget %d: prompt of %d, said %d", budget, n, tokens)
		}
		if gen.calls > 6 {
			t.Errorf("budget %d: %d calls of CountTokens", budget, gen.calls)
		}
		for i, p := range fit {
			of := passages[i]
			page := []rune(citePages[of.Document])
			if p.Document != of.Document || p.Start < of.Start || p.End > of.End || p.Text != string(page[p.Start:p.End]) {
				t.Fatalf("budget %d: passage %d is %+v", budget, i, p)
			}
			if i < len(fit)-1 && p.Text != of.Text {
				t.Fatalf("budget %d: passage %d is trimmed before a later one", budget, i)
			}
		}
		if len(fit) < last {
			t.Fatalf("budget %d: %d passages, a smaller one kept %d", budget, len(fit), last)
		}
		last = len(fit)
	}

	// Trimmed to whole sentences, the one asked for among them.
	fit, _, _, err = rag.Fit(ctx, gen, tmpl, passages, question, base+60)
	if err != nil || len(fit) != 1 || !strings.Contains(fit[0].Text, "夏季休暇は3日とし、7月から9月までの間に取得する。") || !strings.HasSuffix(fit[0].Text, "。") {
		t.Fatalf("trimmed: %+v, %v", fit, err)
	}
}

func TestFitTooLong(t *testing.T) {
	tmpl := shipped(t)["ja"]
	for _, n := range []int{950, 50000} {
		gen := &extractor{}
		_, _, _, err := rag.Fit(context.Background(), gen, tmpl, nil, strings.Repeat("長", n), 928)
		var user *core.UserError
		if !errors.Is(err, core.ErrTooLarge) || !errors.As(err, &user) || user.Key != "error.ask.toolong" || user.Args[0] != n {
			t.Errorf("%d characters: %v", n, err)
		}
		sentence, hint := resources.ErrorText("ja", err)
		if strings.Contains(sentence, "%!") || hint == "" {
			t.Errorf("a person reads %q, %q", sentence, hint)
		}
	}
	_, _, _, err := rag.Fit(context.Background(), &extractor{}, tmpl, nil, "短い質問", 10)
	var user *core.UserError
	if !errors.As(err, &user) || user.Key != "error.ask.noroom" {
		t.Errorf("no room at all: %v", err)
	}
}

// TestContext takes a prompt apart again, whichever field comes first.
func TestContext(t *testing.T) {
	for _, file := range []string{"前{context}中{question}後", "Q: {question}\n--\n{context}\n--\nA:"} {
		tmpl, err := rag.ParseTemplate("x", []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		prompt := tmpl.Prompt([]core.Passage{{Text: "one 中 two"}, {Text: "three"}}, " 何日ですか ")
		if got, ok := tmpl.Context(prompt, "何日ですか"); !ok || got != "one 中 two\n\nthree" {
			t.Errorf("%q: %q, %v", file, got, ok)
		}
		if got, ok := tmpl.Context(prompt, "何年ですか"); ok {
			t.Errorf("%q has another question: %q", file, got)
		}
	}
}
