package app_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/core"
	"kakoi/resources"
)

func TestPrompts(t *testing.T) {
	p := app.Prompts{Dir: filepath.Join(t.TempDir(), "prompts"), Shipped: resources.Prompts}
	shipped, own, err := p.Text("ja")
	if err != nil || own || !strings.Contains(shipped, "{context}") {
		t.Fatalf("shipped %q, own %v, %v", shipped, own, err)
	}
	mine := "# refusal: ありません。\n{question}\n{context}\n回答:"
	if err := p.Save("ja", mine); err != nil {
		t.Fatal(err)
	}
	if text, own, err := p.Text("ja"); err != nil || !own || text != mine {
		t.Errorf("saved %q, own %v, %v", text, own, err)
	}
	if _, own, err := p.Text("en"); err != nil || own {
		t.Errorf("the other language is own %v, %v", own, err)
	}
	for _, bad := range []string{"{context} only", "{question} only", "{context}{context}{question}", "", "\xff{context}{question}"} {
		var user *core.UserError
		if err := p.Save("ja", bad); !errors.As(err, &user) {
			t.Errorf("saved %q: %v", bad, err)
		}
	}
	if text, _, _ := p.Text("ja"); text != mine {
		t.Errorf("a refused text was kept: %q", text)
	}
	if err := p.Save("ja", shipped); err != nil {
		t.Fatal(err)
	}
	if _, own, _ := p.Text("ja"); own {
		t.Error("the shipped text is kept as a copy")
	}
	if err := errors.Join(p.Save("ja", mine), p.Reset("ja"), p.Reset("ja")); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(p.Dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if err := p.Save("../x", mine); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("saved outside: %v", err)
	}
}

func TestPreview(t *testing.T) {
	b := open(t, nil)
	b.chat.Prompts = []fs.FS{resources.Prompts}
	template := "<{context}> [{question}]"
	empty, err := b.chat.Preview(t.Context(), "en", template, "", "Where is part 3?")
	if err != nil || empty != "<> [Where is part 3?]" {
		t.Errorf("an empty library: %q, %v", empty, err)
	}
	if _, err := b.add(b.files(2, 30)); err != nil {
		t.Fatal(err)
	}
	text, err := b.chat.Preview(t.Context(), "en", template, "", "Where is part 3?")
	if err != nil || !strings.HasPrefix(text, "<Document ") || !strings.HasSuffix(text, "> [Where is part 3?]") {
		t.Errorf("preview %q, %v", text, err)
	}
	if _, err := b.chat.Preview(t.Context(), "en", "{context}", "", "Where?"); err == nil {
		t.Error("a template without a question")
	}
}
