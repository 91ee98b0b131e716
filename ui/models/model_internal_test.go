package models

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/core"
)

// bench is a model whose work runs beside the test, which is the window's goroutine.
func bench(t *testing.T) (*model, *desk, *shelf, *books) {
	t.Helper()
	d, s, b := &desk{lang: "en", queue: make(chan func(), 1000)}, newShelf(), &books{}
	m := &model{host: d, models: s, library: b, changed: func() {}}
	m.refresh()
	d.drain()
	if len(m.cards) != 4 || len(d.errors) != 0 {
		t.Fatalf("%d cards, errors %v", len(m.cards), d.errors)
	}
	return m, d, s, b
}

func TestRowsSayWhatIsKnown(t *testing.T) {
	m, _, _, b := bench(t)
	chat, embedders := m.rows(app.KindChat), m.rows(app.KindEmbedder)
	if len(chat) != 2 || len(embedders) != 2 {
		t.Fatalf("rows %v, %v", chat, embedders)
	}
	rinna, starter, torn := chat[0], chat[1], embedders[0]
	if !strings.Contains(rinna.facts, "3.8B") || !strings.Contains(rinna.facts, "36 layers") || !strings.Contains(rinna.facts, "7.73 GB") || rinna.inUse || !slices.Equal(rinna.licences, []string{"LICENSE"}) {
		t.Errorf("imported model: %+v", rinna)
	}
	if !starter.inUse || !strings.Contains(starter.speed, "61.5") || starter.note != "" {
		t.Errorf("model in use: %+v", starter)
	}
	if !torn.bad || !strings.Contains(torn.note, "model.safetensors") {
		t.Errorf("broken model: %+v", torn)
	}
	b.stale = 3
	m.refresh()
	m.host.(*desk).drain()
	if r := m.rows(app.KindEmbedder)[1]; !r.stale || !strings.Contains(r.note, "3 documents") {
		t.Errorf("embedder without vectors of 3 documents: %+v", r)
	}
}

func TestUseAChatModel(t *testing.T) {
	m, d, _, _ := bench(t)
	m.use("rinna-4b-instruct")
	d.drain()
	if !m.card("rinna-4b-instruct").model.InUse || m.card(settings.StarterModel).model.InUse || len(d.toasts) != 1 || len(d.questions) != 0 {
		t.Errorf("toasts %q, questions %v", d.toasts, d.questions)
	}
}

func TestAnotherEmbedderAsksFirst(t *testing.T) {
	m, d, _, b := bench(t)
	b.plan = app.RefreshPlan{Documents: 120, Chunks: 4800, Rate: 20, Time: 4 * time.Minute}
	m.use("all-MiniLM-L6-v2")
	if m.card("all-MiniLM-L6-v2").work == nil {
		t.Error("nothing says that it is being tried")
	}
	d.drain()
	if len(d.questions) != 1 || b.refreshes != 0 || m.card("all-MiniLM-L6-v2").model.InUse {
		t.Fatalf("questions %v, refreshes %d", d.questions, b.refreshes)
	}
	q := d.questions[0]
	for _, said := range []string{"120", "4800", "about 4 minutes", "20.0"} {
		if !strings.Contains(q.Text, said) {
			t.Errorf("the question does not say %q: %s", said, q.Text)
		}
	}
	d.lang = "ja"
	m.use("all-MiniLM-L6-v2")
	d.drain()
	if ja := d.questions[1]; !strings.Contains(ja.Text, "4800") || !strings.Contains(ja.Text, "20.0") || strings.Contains(ja.Text+ja.Title, "%") {
		t.Errorf("in Japanese: %s", ja.Text)
	}
	q.Then()
	d.drain()
	if b.refreshes != 1 || !m.card("all-MiniLM-L6-v2").model.InUse {
		t.Errorf("%d refreshes", b.refreshes)
	}
}

func TestEmbedderOfAnEmptyLibraryAsksNothing(t *testing.T) {
	m, d, _, b := bench(t)
	m.use("all-MiniLM-L6-v2")
	d.drain()
	if len(d.questions) != 0 || b.refreshes != 0 || !m.card("all-MiniLM-L6-v2").model.InUse {
		t.Errorf("questions %v, refreshes %d", d.questions, b.refreshes)
	}
}

func TestEmbedderThatDoesNotRunIsNotUsed(t *testing.T) {
	m, d, _, b := bench(t)
	b.err = core.ErrOutOfMemory
	m.use("all-MiniLM-L6-v2")
	d.drain()
	if len(d.errors) != 1 || m.card("all-MiniLM-L6-v2").model.InUse || m.card("all-MiniLM-L6-v2").work != nil {
		t.Errorf("errors %v", d.errors)
	}
}

func TestImportGoesStepByStep(t *testing.T) {
	m, d, s, _ := bench(t)
	s.gate = make(chan struct{})
	m.importAll([]string{"/usb/starter"})
	i := m.imports[0]
	if i.name != "starter-2" {
		t.Errorf("the name is %q, taken already", i.name)
	}
	for i.at < 2 {
		(<-d.queue)()
	}
	if i.step(0) != stepDone || i.step(1) != stepDone || i.step(2) != stepRuns || i.step(3) != stepWaits {
		t.Errorf("steps at the tokenizer: %v", m.lines(i))
	}
	close(s.gate)
	d.drain()
	lines := m.lines(i)
	for k, l := range lines {
		if l.state != stepDone {
			t.Errorf("%s is %d at the end", steps[k], l.state)
		}
	}
	if !strings.Contains(lines[1].text, "436 tensors") || !strings.Contains(lines[4].text, "LICENSE") {
		t.Errorf("facts are missing: %v", lines)
	}
	if m.card("starter-2") == nil {
		t.Error("the model is not listed")
	}
	m.closeImport(i.id)
	if len(m.imports) != 0 {
		t.Error("it is still shown")
	}
}

func TestImportOfABadFolder(t *testing.T) {
	m, d, s, _ := bench(t)
	s.fail = errTorn
	m.importAll([]string{"/usb/torn"})
	d.drain()
	i := m.imports[0]
	sentence, hint := m.why(i)
	if !i.ended || i.step(2) != stepFailed || i.step(3) != stepWaits || !strings.Contains(sentence, "00002-of-00003") || hint == "" {
		t.Errorf("steps %v: %q %q", m.lines(i), sentence, hint)
	}
	if len(d.errors) != 0 {
		t.Errorf("it is said twice: %v", d.errors)
	}
}

func TestImportIsStopped(t *testing.T) {
	m, d, s, _ := bench(t)
	s.gate = make(chan struct{})
	m.importAll([]string{"/usb/big", "/usb/other"})
	for m.imports[0].cancel == nil || m.imports[1].cancel == nil {
		(<-d.queue)()
	}
	m.stopImport(m.imports[0].id)
	m.stopImport(m.imports[1].id)
	d.drain()
	if len(m.imports) != 0 || len(d.errors) != 0 || len(m.cards) != 4 {
		t.Errorf("imports %v, errors %v, %d cards", m.imports, d.errors, len(m.cards))
	}
}

func TestFolders(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "モデル (1)")
	err := os.Mkdir(model, 0o700)
	for _, name := range []string{"model.safetensors", "config.json"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(model, name), nil, 0o600))
	}
	pdf := filepath.Join(dir, "rules.pdf")
	if err := errors.Join(err, os.WriteFile(pdf, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ paths, want []string }{
		{[]string{model}, []string{model}},
		{[]string{filepath.Join(model, "config.json"), filepath.Join(model, "model.safetensors")}, []string{model}},
		{[]string{pdf}, nil},
		{[]string{model, pdf}, nil},
		{[]string{filepath.Join(dir, "gone")}, nil},
		{slices.Repeat([]string{model}, 21), nil},
		{nil, nil},
	} {
		if got := folders(c.paths); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.paths, got, c.want)
		}
	}
}

func TestCheckSaysWhatItFound(t *testing.T) {
	m, d, s, _ := bench(t)
	m.check(settings.StarterModel)
	d.drain()
	if r := m.row(m.card(settings.StarterModel)); r.bad || r.note == "" || !strings.Contains(r.place, "5f1d7a84db3f4c21") {
		t.Errorf("sound model: %+v", r)
	}
	s.fail = core.Explain(core.ErrCorrupt, "error.model.changed", "rinna-4b-instruct", "config.json")
	m.check("rinna-4b-instruct")
	d.drain()
	if r := m.row(m.card("rinna-4b-instruct")); !r.bad || !strings.Contains(r.note, "config.json") {
		t.Errorf("changed model: %+v", r)
	}
	if len(d.errors) != 0 {
		t.Errorf("it is said twice: %v", d.errors)
	}
}

func TestMeasureAndStop(t *testing.T) {
	m, d, s, _ := bench(t)
	s.gate = make(chan struct{})
	m.measure("rinna-4b-instruct")
	m.measure("rinna-4b-instruct") // a second press changes nothing
	c := m.card("rinna-4b-instruct")
	for c.work.cancel == nil || c.work.state.Total == 0 {
		(<-d.queue)()
	}
	if r := m.row(c); r.working == "" || r.share != 0.5 {
		t.Errorf("while measuring: %+v", r)
	}
	m.stop("rinna-4b-instruct")
	d.drain()
	if c.work != nil || c.speed != nil {
		t.Errorf("after the stop: %+v", c)
	}
	if len(d.errors) != 1 || !errors.Is(d.errors[0], context.Canceled) { // which the window does not show
		t.Errorf("errors %v", d.errors)
	}
	s.gate = nil
	m.measure("rinna-4b-instruct")
	d.drain()
	if c.speed == nil || c.speed.Decode != 10 {
		t.Errorf("measured %+v", c.speed)
	}
}

func TestRemoveAsksOrSaysWhyNot(t *testing.T) {
	m, d, s, _ := bench(t)
	m.remove(settings.StarterModel)
	d.drain()
	if len(d.errors) != 1 || len(d.questions) != 0 {
		t.Errorf("bundled model: errors %v, questions %v", d.errors, d.questions)
	}
	m.remove("rinna-4b-instruct")
	d.drain()
	if len(d.questions) != 1 || !d.questions[0].Danger || len(s.removed) != 0 {
		t.Fatalf("questions %v, removed %v", d.questions, s.removed)
	}
	d.questions[0].Then()
	d.drain()
	if m.card("rinna-4b-instruct") != nil || len(s.removed) != 1 {
		t.Errorf("removed %v", s.removed)
	}
}
