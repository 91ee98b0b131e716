package models

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/exam"
	"kakoi/ui/place"
	"kakoi/ui/theme"
	"kakoi/ui/uitest"
)

// drawer is app.Adapters, app.Exams and app.Training over two adapters: one that answers, and a draft.
type drawer struct {
	all      []app.AdapterInfo
	imported string
	exported string
}

type (
	examDrawer struct{}
	lossDrawer struct{}
)

func newDrawer() *drawer {
	day := time.Date(2026, 11, 21, 10, 30, 0, 0, time.Local)
	one := record.Adapter{
		ID: "aaaa111122223333", Name: "規程", State: record.AdapterReady, Model: settings.StarterModel, Run: "run1", DatasetName: "規程", Rows: 209, Rank: 16, Parameters: 1_572_864, Bytes: 6_400_000, Created: day,
		Documents: []record.AdapterDocument{{Name: "就業規則.pdf"}, {Name: "旅費規程.pdf"}, {Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}},
	}
	two := one
	two.ID, two.Name, two.State, two.Run, two.Documents = "bbbb111122223333", "手順", record.AdapterDraft, "", nil
	two.Why = record.Failed(core.Explain(core.ErrUsage, "adapter.why.unexamined"))
	return &drawer{all: []app.AdapterInfo{{Adapter: one, Default: true, Fits: true}, {Adapter: two, Fits: true}}}
}

func (d *drawer) List(context.Context) ([]app.AdapterInfo, error) { return d.all, nil }

func (d *drawer) choose(id string) {
	for i := range d.all {
		d.all[i].Default = d.all[i].ID == id
	}
}

func (d *drawer) Use(_ context.Context, id string) (record.Adapter, error) {
	d.choose(id)
	return record.Adapter{}, nil
}

func (d *drawer) Off(context.Context, string) (record.Adapter, error) {
	d.choose("")
	return record.Adapter{}, nil
}

func (d *drawer) Import(_ context.Context, dir string, _ app.AdapterImport) (record.Adapter, error) {
	d.imported = dir
	return record.Adapter{}, nil
}

func (d *drawer) Export(_ context.Context, _, dir string) (record.Adapter, error) {
	d.exported = dir
	return record.Adapter{}, nil
}

func (d *drawer) Remove(_ context.Context, id string) error {
	for i := range d.all {
		if d.all[i].ID == id {
			d.all = append(d.all[:i:i], d.all[i+1:]...)
			return nil
		}
	}
	return core.ErrNotFound
}

func (examDrawer) List(context.Context) ([]record.Exam, []record.Damage, error) {
	return []record.Exam{{
		ID: "e", State: record.RunDone, Adapter: "aaaa111122223333",
		Base:  exam.Score{Right: exam.NewRate(4, 12), FalseAnswers: exam.NewRate(3, 4), FalseRefusals: exam.NewRate(1, 12)},
		Tuned: exam.Score{Right: exam.NewRate(9, 12), FalseAnswers: exam.NewRate(0, 4), FalseRefusals: exam.NewRate(0, 12)},
	}}, nil, nil
}

func (lossDrawer) Losses(context.Context, string) ([]record.LossPoint, error) {
	var out []record.LossPoint
	for s := 1; s <= 40; s++ {
		p := record.LossPoint{Step: s, Loss: 2 / float64(s)}
		if s%10 == 0 {
			p.HeldLoss, p.Best = 0.2+2/float64(s), true
		}
		out = append(out, p)
	}
	return out, nil
}

// withAdapters is the stage with two adapters on it.
func withAdapters(t *testing.T, lang, mode string, percent int) (*Screen, *desk, *drawer) {
	t.Helper()
	s, d, _, _ := stage(t, lang, mode, percent)
	a := newDrawer()
	s.m.adapters, s.m.exams, s.m.losses = a, examDrawer{}, lossDrawer{}
	s.m.refresh()
	return s, d, a
}

func TestAdapterCardsLook(t *testing.T) {
	s, d, _ := withAdapters(t, "ja", theme.Light, 100)
	d.window.Canvas().Focus(s.trained["aaaa111122223333"].off)
	uitest.LooksLike(t, "adapters-ja-light.png", d.window.Canvas().Capture())
}

// Everything that can be done with an adapter, by its buttons.
func TestAdapterCards(t *testing.T) {
	s, d, a := withAdapters(t, "en", theme.Light, 100)
	first, second := s.trained["aaaa111122223333"], s.trained["bbbb111122223333"]
	for _, want := range []string{"33% → 75%", "75% → 0%"} {
		if !strings.Contains(first.scores.Text(), want) {
			t.Errorf("the scores are %q, want %s", first.scores.Text(), want)
		}
	}
	if !strings.Contains(first.data.Text(), "1 more") || first.hold.Hidden || !second.hold.Hidden || second.note.Text() == "" {
		t.Errorf("data %q, charts %v and %v, note %q", first.data.Text(), !first.hold.Hidden, !second.hold.Hidden, second.note.Text())
	}
	if first.use.Visible() || !first.off.Visible() || !second.use.Visible() {
		t.Error("the buttons are those of other states")
	}
	test.Tap(first.off)
	if a.all[0].Default {
		t.Error("it still answers")
	}
	test.Tap(second.use) // a draft: it asks
	if len(d.questions) != 1 || a.all[1].Default {
		t.Fatal("a draft is used without asking")
	}
	d.questions[0].Then()
	if !a.all[1].Default || !second.off.Visible() {
		t.Error("the draft is not used")
	}
	test.Tap(first.compare)
	if len(d.went) != 1 || d.went[0] != (place.Compare{Adapter: "aaaa111122223333"}) {
		t.Errorf("went to %v", d.went)
	}
	d.picked = []string{"/media/usb"}
	s.m.exportAdapter("aaaa111122223333", d.picked[0])
	if a.exported != "/media/usb/規程" {
		t.Errorf("exported to %q", a.exported)
	}
	s.m.removeAdapter("aaaa111122223333")
	if q := d.questions[len(d.questions)-1]; !q.Danger {
		t.Error("it is removed without a warning")
	} else {
		q.Then()
	}
	if len(a.all) != 1 || len(s.m.adapterCards) != 1 {
		t.Errorf("%d adapters, %d cards", len(a.all), len(s.m.adapterCards))
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !s.Drop([]string{dir}) || a.imported != dir || len(s.m.imports) != 0 {
		t.Errorf("imported %q, %d models", a.imported, len(s.m.imports))
	}
}
