package settings

import (
	"context"
	"strings"

	"kakoi/resources"
)

// template is the prompt of one language while it is edited.
type template struct {
	lang     string
	saved    string
	draft    string
	own      bool // a person's copy, not the shipped one
	question string
	preview  string
	trying   bool
}

// loadTemplates reads the templates; drafts that differ from what was saved stay.
func (m *model) loadTemplates() {
	for _, lang := range resources.Languages {
		text, own, err := m.prompts.Text(lang)
		if err != nil {
			m.host.ShowError(err)
			continue
		}
		t := m.templates[lang]
		if t == nil {
			t = &template{lang: lang}
			m.templates[lang] = t
		}
		if t.draft == t.saved {
			t.draft = text
		}
		t.saved, t.own = text, own
	}
}

// edit takes over what is written.
func (m *model) edit(lang, text string) {
	m.templates[lang].draft = text
	m.changed()
}

// problemOf says what is wrong with a draft, "" when nothing is.
func (m *model) problemOf(lang string) string {
	if err := m.prompts.Check(lang, m.templates[lang].draft); err != nil {
		sentence, _ := resources.ErrorText(m.host.Lang(), err)
		return sentence
	}
	return ""
}

// save keeps a draft as a person's copy.
func (m *model) save(lang string) {
	t := m.templates[lang]
	if err := m.prompts.Save(lang, t.draft); err != nil {
		m.host.ShowError(err)
		return
	}
	t.saved = t.draft
	m.loadTemplates()
	m.host.Toast(m.host.Text("settings.prompt.saved"))
	m.changed()
}

// ship goes back to the shipped template.
func (m *model) ship(lang string) {
	if err := m.prompts.Reset(lang); err != nil {
		m.host.ShowError(err)
		return
	}
	t := m.templates[lang]
	t.draft = t.saved
	m.loadTemplates()
	m.changed()
}

// tryOut shows what the model would read for a question, with the passages found for it now.
func (m *model) tryOut(lang, question string) {
	t := m.templates[lang]
	t.question = question
	if strings.TrimSpace(question) == "" || t.trying {
		return
	}
	t.trying, t.preview = true, ""
	draft, collection := t.draft, m.host.Collection()
	m.host.Go(func(ctx context.Context) {
		text, err := m.chat.Preview(ctx, lang, draft, collection, question)
		m.host.Post(func() {
			t.trying = false
			if err != nil {
				m.host.ShowError(err)
			} else {
				t.preview = text
			}
			m.changed()
		})
	})
	m.changed()
}
