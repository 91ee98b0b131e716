package settings

import (
	"context"
	"errors"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/closed"
)

func TestChangesApplyAtOnce(t *testing.T) {
	m, file, _ := newModel(t, &desk{lang: "en"})
	m.set("theme", "dark")
	m.set("threads", "3")
	m.set("temperature", "0.5")
	if s := file.Get(); s.Theme != "dark" || s.Threads != 3 || s.Temperature != 0.5 {
		t.Errorf("set: %+v", s)
	}
	if !m.custom("threads") || m.custom("top") || m.value("threads") != "3" || m.value("top") != "" {
		t.Errorf("threads %q, top %q", m.value("threads"), m.value("top"))
	}
	m.set("threads", "")
	m.set("temperature", "")
	m.reset("theme")
	if s := file.Get(); s != settings.Default() {
		t.Errorf("all back: %+v", s)
	}
}

func TestWrongValuesSaySo(t *testing.T) {
	for _, lang := range []string{"ja", "en"} {
		m, file, _ := newModel(t, &desk{lang: lang})
		for key, text := range map[string]string{"top": "101", "temperature": "warm", "max_new_tokens": "-5", "threads": "1.5", "device": "gpu"} {
			m.try(key, text)
			if m.problem(key) == "" || strings.Contains(m.problem(key), "settings.") {
				t.Errorf("%s %q while it is written: %q", key, text, m.problem(key))
			}
			m.set(key, text)
			if m.problem(key) == "" {
				t.Errorf("%s %q was taken", key, text)
			}
			m.reset(key)
			if m.problem(key) != "" {
				t.Errorf("%s: the sentence stays: %q", key, m.problem(key))
			}
		}
		if file.Get() != settings.Default() {
			t.Errorf("something was set: %+v", file.Get())
		}
		m.try("top", "")
		if m.problem("top") != "" {
			t.Errorf("an empty field leaves it to the preset: %q", m.problem("top"))
		}
	}
}

func TestEveryFieldHasItsTexts(t *testing.T) {
	shown := map[string]bool{}
	for _, lang := range []string{"ja", "en"} {
		m, _, _ := newModel(t, &desk{lang: lang})
		for _, g := range groups {
			if strings.HasPrefix(m.host.Text("settings.group."+g), "settings.") {
				t.Errorf("group %s has no name", g)
			}
			for _, key := range fields[g] {
				shown[key] = true
				for _, k := range []string{"settings.field." + key, "settings.field." + key + ".about"} {
					if m.host.Text(k) == k {
						t.Errorf("no %s text %s", lang, k)
					}
				}
				if !listed(key) {
					if m.hint(key) == "" {
						t.Errorf("%s does not say what empty means", key)
					}
					continue
				}
				values, names := m.options(key)
				for i, v := range values {
					if names[i] == v && key != "text_size" {
						t.Errorf("%s %s has no %s name", key, v, lang)
					}
				}
			}
		}
	}
	for _, f := range settings.Fields {
		if !shown[f.Key] {
			t.Errorf("%s is on no page", f.Key)
		}
	}
}

func TestUnusualValuesCanStay(t *testing.T) {
	m, _, _ := newModel(t, &desk{lang: "en"})
	m.set("text_size", "133")
	m.set("device", "cuda:3")
	for key, want := range map[string]string{"text_size": "133", "device": "cuda:3"} {
		if values, _ := m.options(key); values[0] != want || m.current(key) != want {
			t.Errorf("%s: options %v", key, values)
		}
	}
}

func TestHintsFollowThePreset(t *testing.T) {
	m, _, _ := newModel(t, &desk{lang: "en"})
	before := m.hint("max_new_tokens")
	m.set("preset", "techlab")
	if !strings.Contains(before, "96") || !strings.Contains(m.hint("max_new_tokens"), "56") || !strings.Contains(m.hint("temperature"), "0.2") {
		t.Errorf("hints %q, %q, %q", before, m.hint("max_new_tokens"), m.hint("temperature"))
	}
}

func TestPromptIsEditedAndShipped(t *testing.T) {
	d := &desk{lang: "en"}
	m, _, _ := newModel(t, d)
	m.loadTemplates()
	p := m.templates["ja"]
	shipped := p.draft
	m.edit("ja", "{context} only")
	if m.problemOf("ja") == "" {
		t.Error("a template without a question is good")
	}
	m.save("ja")
	if len(d.errors) != 1 || p.own {
		t.Errorf("errors %v", d.errors)
	}
	mine := "{context}\n{question}\n答え:"
	m.edit("ja", mine)
	if m.problemOf("ja") != "" || p.own {
		t.Errorf("problem %q", m.problemOf("ja"))
	}
	m.loadTemplates() // as when the group is shown again
	if p.draft != mine {
		t.Errorf("the draft is lost: %q", p.draft)
	}
	m.save("ja")
	if !p.own || p.saved != mine || len(d.toasts) != 1 {
		t.Errorf("saved %+v", p)
	}
	m.ship("ja")
	if p.own || p.draft != shipped || m.templates["en"].own {
		t.Errorf("shipped %+v", p)
	}
}

func TestPreviewShowsTheDraft(t *testing.T) {
	d := &desk{lang: "ja", queue: make(chan func(), 100)}
	m, _, _ := newModel(t, d)
	m.loadTemplates()
	m.tryOut("en", "  ")
	if d.work != 0 {
		t.Error("nothing is asked, something is looked for")
	}
	m.edit("en", "draft")
	m.tryOut("en", "Who?")
	if p := m.templates["en"]; !p.trying {
		t.Error("nothing says that it works")
	}
	d.drain()
	if p := m.templates["en"]; p.trying || p.preview != "en|main|Who?|draft" {
		t.Errorf("preview %+v", p)
	}
	m.chat = echo{core.ErrNoModel}
	m.tryOut("en", "Who?")
	d.drain()
	if p := m.templates["en"]; p.trying || p.preview != "" || len(d.errors) != 1 {
		t.Errorf("preview %+v, errors %v", p, d.errors)
	}
}

func TestCheckOfTheLibrary(t *testing.T) {
	d := &desk{lang: "en", queue: make(chan func(), 100)}
	m, _, n := newModel(t, d)
	m.checkLibrary()
	m.checkLibrary() // a second press changes nothing
	d.drain()
	if text, well := m.found(); !well || !strings.Contains(text, "1310") || m.check != nil {
		t.Errorf("found %q", text)
	}
	n.health = app.LibraryHealth{Problems: []app.Problem{{Document: "rules.pdf", Cause: "checksum"}}, Unfinished: 2}
	m.checkLibrary()
	d.drain()
	if text, well := m.found(); well || !strings.Contains(text, "rules.pdf") || !strings.Contains(text, "2 documents") {
		t.Errorf("found %q", text)
	}
	n.gate = make(chan struct{})
	m.checkLibrary()
	for m.check.cancel == nil || m.check.state.Total == 0 {
		(<-d.queue)()
	}
	m.stopCheck()
	d.drain()
	if text, _ := m.found(); text != "" || m.check != nil || len(d.errors) != 0 {
		t.Errorf("after the stop: %q, errors %v", text, d.errors)
	}
}

func TestProofOfBothPrograms(t *testing.T) {
	d := &desk{lang: "en", queue: make(chan func(), 100)}
	m, _, n := newModel(t, d)
	n.err = errors.Join(core.ErrEngine, context.DeadlineExceeded)
	m.askEngine()
	d.drain()
	if m.engine != nil || m.engineTrouble() == "" || len(d.errors) != 0 {
		t.Errorf("trouble %q, errors %v", m.engineTrouble(), d.errors)
	}
	n.err = nil
	m.askEngine()
	d.drain()
	if m.engine == nil || m.engineTrouble() != "" {
		t.Fatalf("trouble %q", m.engineTrouble())
	}
	if text, well := m.verdict("the engine", *m.engine); !well || !strings.Contains(text, "5 of 5") {
		t.Errorf("verdict %q", text)
	}
	leaky := *m.engine
	leaky.Attempts[1].Refused = false
	if text, well := m.verdict("the engine", leaky); well || !strings.Contains(text, "4 of 5") {
		t.Errorf("verdict %q", text)
	}
	if _, well := m.verdict("nothing tried", closed.Proof{}); well {
		t.Error("no attempts are a proof")
	}
}
