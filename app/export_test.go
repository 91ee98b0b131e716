package app_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yuin/goldmark"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/ingest"
)

// exported writes the conversation of a long talk in a format.
func (k *talk) exported(id, format, lang string) []byte {
	k.Helper()
	k.Fonts = cmp.Or(os.Getenv("KAKOI_FONTS"), filepath.Join("..", "bin", "fonts")) // set-up puts them there
	var out bytes.Buffer
	if err := k.Export(k.Context(), id, &out, format, lang); err != nil {
		k.Fatal(err)
	}
	return out.Bytes()
}

// longTalk is a conversation with a branch that is not shown, a refusal, a correction and a comparison.
func longTalk(t *testing.T) (k *talk, id string) {
	k = newTalk(t)
	first := k.ask("", "", "有給休暇は何日ですか。")
	id = first.Conversation
	k.ask(id, first.ID, "This branch is left.")
	second := k.ask(id, first.ID, "When does the office *open*? # <b>𠮟る</b>")
	g, _ := second.Answer()
	if _, err := k.Correct(t.Context(), record.Correction{Conversation: id, Turn: second.ID, Given: g.ID, Kind: record.CorrectAnswer, Answer: "At nine.\n\nNot &lt; ~~ten~~."}); err != nil {
		t.Fatal(err)
	}
	third := k.ask(id, second.ID, "ゾウの平均体重は？")
	k.model("other", `{"model_type":"gpt_neox","other":true}`)
	if _, err := k.Ask(t.Context(), app.AskTurn{Conversation: id, Parent: third.ID, Question: "交通費はいつ支払われますか。", Models: []string{"starter", "other"}}, nil); err != nil {
		t.Fatal(err)
	}
	return k, id
}

func TestExportMarkdown(t *testing.T) {
	k, id := longTalk(t)
	text := string(k.exported(id, "md", "ja"))
	for _, want := range []string{
		"# 有給休暇は何日ですか。\n", "## 有給休暇は何日ですか。\n", "10日与えられます。[1]", "**[1] 規則.txt 1ページ**\n", "> 年次有給休暇は入社半年後に10日与えられます。\n",
		"*訂正: At nine.*", "*誤りと評価されました。*", "資料には記載がありません", "回答したモデル: starter", "回答したモデル: other",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "branch is left") {
		t.Error("a branch that is not shown")
	}
	var html bytes.Buffer
	if err := goldmark.Convert([]byte(text), &html); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<h2>When does the office *open*? # &lt;b&gt;𠮟る&lt;/b&gt;</h2>", "<em>Not &amp;lt; ~~ten~~.</em>", "<blockquote>", "<strong>[1] 規則.txt 1ページ</strong>"} {
		if !strings.Contains(html.String(), want) {
			t.Errorf("no %q in\n%s", want, html.String())
		}
	}
	if english := string(k.exported(id, "md", "en")); !strings.Contains(english, "**[1] 規則.txt p.1**") || strings.Contains(english, "export.") {
		t.Errorf("in English:\n%s", english)
	}
}

// The file reads back, in our own reader, as what was said: also over page ends.
func TestExportPDF(t *testing.T) {
	k, id := longTalk(t)
	last := k.open(id).Leaf
	for i := range 12 {
		last = k.ask(id, last, fmt.Sprintf("%d番目の質問: 有給休暇は何日ですか。%s", i, strings.Repeat("長い前置きがあります。", 12))).ID
	}
	path := filepath.Join(t.TempDir(), "talk.pdf")
	if err := os.WriteFile(path, k.exported(id, "pdf", "ja"), 0o600); err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	_, pages, err := ingest.Read(t.Context(), path, ingest.Options{CacheDir: filepath.Join(cache, "kakoi-build", "wasm")})
	if err != nil || len(pages) < 3 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	var all strings.Builder
	for i, p := range pages {
		if !strings.Contains(p.Text, fmt.Sprintf("%d / %d", i+1, len(pages))) {
			t.Errorf("page %d has no number", i+1)
		}
		all.WriteString(p.Text + "\n")
	}
	text := strings.Join(strings.Fields(all.String()), "")
	for _, want := range []string{
		"年次有給休暇は入社半年後に10日与えられます。[1]", "[1]規則.txt1ページ", "𠮟る", "訂正:Atnine.", "資料には記載がありません", "回答したモデル:other", "11番目の質問:有給休暇は何日ですか。",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, all.String())
		}
	}
}

func TestExportRefuses(t *testing.T) {
	k := newTalk(t)
	turn := k.ask("", "", "有給休暇は何日ですか。")
	var out bytes.Buffer
	if err := k.Export(t.Context(), turn.Conversation, &out, "docx", "ja"); !errors.Is(err, core.ErrUsage) {
		t.Errorf("another format: %v", err)
	}
	if err := k.Export(t.Context(), "none", &out, "md", "ja"); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("no conversation: %v", err)
	}
}

func TestMarked(t *testing.T) {
	a := core.Answer{Text: "A is 1.\nB is 2. C is 1.", Citations: []core.Citation{
		{Sentence: "A is 1.", Document: "x", Page: 1, End: 5}, {Sentence: "B is 2.", Document: "x", Page: 2, End: 5}, {Sentence: "C is 1.", Document: "x", Page: 1, End: 5},
	}}
	text, sources := app.Marked(a)
	if text != "A is 1.[1]\nB is 2.[2] C is 1.[1]" || len(sources) != 2 || sources[1].Page != 2 {
		t.Errorf("%q, %+v", text, sources)
	}
}
