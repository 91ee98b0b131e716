package rag

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"kakoi/core"
)

const (
	contextField  = "{context}"
	questionField = "{question}"
	// separator stands between passages in the context.
	separator = "\n\n"
)

// Template is the prompt of one language. Its file format is described in package resources.
type Template struct {
	name    string
	parts   [3]string // before, between and after the two fields
	first   string    // the field that comes first
	refusal string
	stop    []string
}

// LoadTemplate reads NAME.tmpl from fsys.
func LoadTemplate(name string, fsys fs.FS) (*Template, error) {
	file := name + ".tmpl"
	raw, err := fs.ReadFile(fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, core.Explain(fmt.Errorf("read template %q: %w", file, errors.Join(core.ErrNotFound, err)), "error.template.missing", file)
	}
	if err != nil {
		return nil, fmt.Errorf("read template %q: %w", file, err)
	}
	return ParseTemplate(name, raw)
}

// ParseTemplate reads the contents of NAME.tmpl.
func ParseTemplate(name string, raw []byte) (*Template, error) {
	file := name + ".tmpl"
	if !utf8.Valid(raw) {
		return nil, core.Explain(fmt.Errorf("read template %q: %w", file, core.ErrUnsupported), "error.template.encoding", file)
	}
	// An editor may have added a byte order mark, CR LF line ends and one last line end.
	text := strings.TrimPrefix(string(raw), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	t := &Template{name: name}
	for strings.HasPrefix(text, "#") {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		if v, ok := strings.CutPrefix(line, "# refusal:"); ok {
			t.refusal = strings.TrimSpace(v)
		} else if v, ok := strings.CutPrefix(line, "# stop:"); ok && strings.TrimSpace(v) != "" {
			t.stop = append(t.stop, strings.ReplaceAll(strings.TrimSpace(v), `\n`, "\n"))
		}
	}
	text = strings.TrimSuffix(text, "\n")
	for _, field := range []string{contextField, questionField} {
		if n := strings.Count(text, field); n != 1 {
			return nil, core.Explain(fmt.Errorf("parse template %q: %d times %s: %w", file, n, field, core.ErrUnsupported), "error.template.field", file, field)
		}
	}
	second := questionField
	t.first = contextField
	if strings.Index(text, questionField) < strings.Index(text, contextField) {
		t.first, second = questionField, contextField
	}
	before, rest, _ := strings.Cut(text, t.first)
	between, after, _ := strings.Cut(rest, second)
	t.parts = [3]string{before, between, after}
	return t, nil
}

// Name is the template's file name without .tmpl: the language.
func (t *Template) Name() string { return t.name }

// Refusal is the sentence with which the model says that the documents do not answer.
func (t *Template) Refusal() string { return t.refusal }

// Stop lists texts at which an answer ends: the beginning of the next turn.
func (t *Template) Stop() []string { return t.stop }

// Prompt puts passages and question into the template. Nothing inside them is taken for a field.
func (t *Template) Prompt(context []core.Passage, question string) string {
	texts := make([]string, len(context))
	for i, p := range context {
		texts[i] = strings.TrimSpace(p.Text)
	}
	first, second := strings.Join(texts, separator), strings.TrimSpace(question)
	if t.first == questionField {
		first, second = second, first
	}
	return t.parts[0] + first + t.parts[1] + second + t.parts[2]
}

// Context is what a prompt of this template has for a question between its fixed parts: the passages. false when the prompt is no such.
func (t *Template) Context(prompt, question string) (string, bool) {
	question = strings.TrimSpace(question)
	before, after := t.parts[0], t.parts[1]+question+t.parts[2]
	if t.first == questionField {
		before, after = t.parts[0]+question+t.parts[1], t.parts[2]
	}
	rest, ok := strings.CutPrefix(prompt, before)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, after)
}

// Language of a question: "ja" when it has kana or kanji, else "en".
func Language(question string) string {
	for _, r := range question {
		if isKana(r) || unicode.Is(unicode.Han, r) {
			return "ja"
		}
	}
	return "en"
}

// Templates are the prompts by language.
type Templates map[string]*Template

// LoadTemplates reads the ja and en templates, each from the first of layers that has it: a user's folder of
// edited copies goes before the shipped one. A nil layer is passed over.
func LoadTemplates(layers ...fs.FS) (Templates, error) {
	ts := Templates{}
	for _, lang := range []string{"ja", "en"} {
		var err error
		for _, layer := range layers {
			if layer == nil {
				continue
			}
			var t *Template
			if t, err = LoadTemplate(lang, layer); err == nil {
				ts[lang] = t
				break
			}
			if !errors.Is(err, core.ErrNotFound) {
				return nil, err
			}
		}
		if ts[lang] == nil {
			if err == nil {
				err = core.ErrNotFound
			}
			return nil, fmt.Errorf("load templates: %w", err)
		}
		if ts[lang].refusal == "" {
			ts[lang].refusal = refusals[lang]
		}
	}
	return ts, nil
}

// For returns the template of the question's language.
func (ts Templates) For(question string) *Template { return ts[Language(question)] }
