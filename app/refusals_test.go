package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/weights"
)

// bounds are those of a mode each, for both languages' shipped sentences.
func bounds(model string, careful, balanced, helpful float64) *calibrate.Record {
	b := calibrate.Bounds{calibrate.Careful: {Bound: careful}, calibrate.Balanced: {Bound: balanced}, calibrate.Helpful: {Bound: helpful}}
	return &calibrate.Record{Version: 1, Model: model, Languages: map[string]calibrate.Language{
		"en": {Refusal: "The documents do not say.", Common: " The", Bounds: b}, "ja": {Refusal: "資料には記載がありません。", Bounds: b},
	}}
}

// unsure makes the model find every refusal so likely.
func (b *bench) unsure(p float64) {
	b.client.Refusing = func(core.GenerateRequest) float64 { return p }
}

// keepBounds writes bounds beside the starter, as they come with a model.
func (b *bench) keepBounds(r *calibrate.Record) {
	b.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.models.Bundled, settings.StarterModel, calibrate.FileName), raw, 0o600); err != nil {
		b.Fatal(err)
	}
}

// TestBoundsDecide: without bounds the model decides, with them the mode that is set or asked for does; the receipt says what was done, and a
// replay does the same, whatever is set by then.
func TestBoundsDecide(t *testing.T) {
	if calibrate.FileName != weights.Refusals {
		t.Fatal("the bounds' file has a say in the model's ID")
	}
	k := newTalk(t)
	told := 0 // that more is known of a model: screens look whether there are bounds to choose from
	k.models.Bus = &app.Bus{}
	k.models.Bus.Subscribe(func(topic app.Topic) {
		if topic == app.TopicModels {
			told++
		}
	})
	k.unsure(0.4)
	ask := func(opt app.AskOptions) core.Answer {
		t.Helper()
		a, err := k.chat.Ask(t.Context(), "When does the office open?", opt, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := ask(app.AskOptions{})
	if a.Refused || a.RefusalProbability == nil || *a.RefusalProbability != 0.4 || a.Receipt.Refusal.Decide || a.Receipt.Refusal.Mode != "off" || a.Receipt.Refusal.Text != " The documents do not say." {
		t.Fatalf("without bounds: %+v, %+v", a, a.Receipt.Refusal)
	}
	plain := a.Text
	if ask(app.AskOptions{}); told != 1 {
		t.Errorf("two questions told %d times that the model is known now", told)
	}
	gen, err := k.models.Generator(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if mode, works := k.chat.Refusal(t.Context()); works || mode != calibrate.Balanced {
		t.Errorf("without bounds: %q works %v", mode, works)
	}
	k.keepBounds(bounds(gen.Info().ID, 0.3, 0.5, 0.7))
	for mode, refused := range map[calibrate.Mode]bool{"": false, calibrate.Careful: true, calibrate.Balanced: false, calibrate.Helpful: false, calibrate.Off: false} {
		a := ask(app.AskOptions{Refusal: mode})
		if a.Refused != refused || !refused && a.Text != plain || a.Receipt.Refusal.Decide != (mode != calibrate.Off) {
			t.Errorf("%q: %+v, %+v", mode, a, a.Receipt.Refusal)
		}
	}
	if mode, works := k.chat.Refusal(t.Context()); !works || mode != calibrate.Balanced {
		t.Errorf("with bounds: %q works %v", mode, works)
	}
	k.unsure(0.6)
	if !ask(app.AskOptions{}).Refused || ask(app.AskOptions{Refusal: calibrate.Helpful}).Refused {
		t.Error("a likelier refusal: balanced answers, or helpful refuses")
	}
	if a := ask(app.AskOptions{Preset: "techlab"}); a.Receipt.Refusal.Decide {
		t.Error("the recipe has a bound")
	}
	turn := k.ask("", "", "When does the office open?")
	given := turn.Answers[0]
	if r := given.Answer.Receipt.Refusal; !given.Answer.Refused || r.Mode != "balanced" || r.Bound != 0.5 || r.Probability != 0.6 || !r.Refused {
		t.Fatalf("in a conversation: %+v", r)
	}
	if err := k.chat.SetRefusal(calibrate.Helpful); err != nil {
		t.Fatal(err)
	}
	again, err := k.Replay(t.Context(), turn.Conversation, turn.ID, given.ID, nil)
	if err != nil || !again.Identical || again.Refusal == nil || *again.Refusal != 0.6 {
		t.Errorf("replay: %+v, %v", again, err)
	}
	if k.ask("", "", "When does the office open?").Answers[0].Answer.Refused {
		t.Error("helpful is set, and it was refused")
	}
	k.keepBounds(bounds("ffffffffffffffff", 0.1, 0.2, 0.3))
	if a := ask(app.AskOptions{}); a.Receipt.Refusal.Decide {
		t.Error("bounds of another model hold")
	}
}

// TestCalibrate: questions made of the documents find bounds that hold from then on, a draft's do not, and forgetting them brings back what came with
// the model.
func TestCalibrate(t *testing.T) {
	k := newSchool(t, nil)
	var mu sync.Mutex
	asked := map[string]map[string]bool{} // refusal -> common beginnings it was asked with
	k.client.Refusing = func(q core.GenerateRequest) float64 {
		mu.Lock()
		defer mu.Unlock()
		text := strings.TrimSpace(q.Refusal.Text)
		if asked[text] == nil {
			asked[text] = map[string]bool{}
		}
		asked[text][q.Refusal.Common] = true
		return float64(len(q.Prompt)%17) / 17
	}
	for _, draft := range []bool{true, false} {
		found, err := k.Calibrate(t.Context(), app.CalibrationPlan{Rows: 200, Draft: draft}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for language, l := range found.Languages {
			b := l.Bounds
			if b[calibrate.Careful].Bound > b[calibrate.Balanced].Bound || b[calibrate.Balanced].Bound > b[calibrate.Helpful].Bound || l.Model.Right.Of < calibrate.Fewest || l.Model.FalseAnswers.Of < calibrate.Fewest {
				t.Errorf("%s: %+v", language, l)
			}
			if with := asked[l.Refusal]; len(with) != 1 || !with[l.Common] { // other tokens have another probability, and another bound
				t.Errorf("%s: bounds with %q in common, of probabilities with %v", language, l.Common, with)
			}
		}
		if len(found.Languages) == 0 || found.Model == "" || found.Set != "main" || found.Made.IsZero() {
			t.Errorf("found %+v", found)
		}
		if held := k.models.KnownBounds(t.Context(), settings.StarterModel); (held == nil) != draft {
			t.Errorf("draft %v: %+v holds", draft, held)
		}
	}
	gen, err := k.models.Generator(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if had, err := k.models.DropBounds(t.Context(), gen.Info(), ""); !had || err != nil || k.models.Bounds(t.Context(), gen.Info(), "") != nil {
		t.Errorf("forgotten: %v, %v", had, err)
	}
	if had, err := k.models.DropBounds(t.Context(), gen.Info(), ""); had || err != nil {
		t.Errorf("nothing to forget: %v, %v", had, err)
	}
	var told *core.UserError
	if _, err := k.Calibrate(t.Context(), app.CalibrationPlan{Rows: 8}, nil); !errors.Is(err, core.ErrEmpty) || !errors.As(err, &told) {
		t.Errorf("too few rows: %v", err)
	}
	if _, err := k.Calibrate(t.Context(), app.CalibrationPlan{Rows: -1}, nil); !errors.Is(err, core.ErrUsage) {
		t.Errorf("a negative number of rows: %v", err)
	}
	if _, err := k.Calibrate(t.Context(), app.CalibrationPlan{Datasets: []string{"none"}}, nil); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("a dataset that is not there: %v", err)
	}
}

// TestCalibrateOnDataset: every row of a dataset is asked but those whose question has a word changed.
func TestCalibrateOnDataset(t *testing.T) {
	k := newSchool(t, nil)
	set, err := k.Build(t.Context(), app.DatasetPlan{Seed: 4}, app.DatasetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked := map[string]bool{}
	k.client.Refusing = func(q core.GenerateRequest) float64 {
		mu.Lock()
		defer mu.Unlock()
		asked[q.Prompt] = true
		return float64(len(q.Prompt)%17) / 17
	}
	if _, err := k.Calibrate(t.Context(), app.CalibrationPlan{Datasets: []string{set.ID}, Draft: true}, nil); err != nil {
		t.Fatal(err)
	}
	contrasts := 0
	for _, r := range k.rows(set.ID) {
		contrast := r.Origin == core.RowContrast
		if contrast {
			contrasts++
		}
		if asked[r.Inputs] == contrast {
			t.Errorf("%s row %q: asked %v", r.Origin, r.Question, asked[r.Inputs])
		}
	}
	if contrasts == 0 {
		t.Error("no row with a word changed")
	}
}

// TestExamFindsBounds: an exam tells what bounds would come to, asks once more only what was refused and is there, and gives the adapter its bounds.
func TestExamFindsBounds(t *testing.T) {
	c := newCourse(t)
	for i := range 40 {
		r := c.rows.held[i%24]
		r.ID = fmt.Sprintf("%016x", i)
		r.Source = nil
		c.rows.held = append(c.rows.held, r)
	}
	x := c.train("one")
	c.unsure(0.6)
	m, err := c.exams.Begin(t.Context(), app.ExamPlan{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	calls := len(c.client.Batches())
	if m, err = c.exams.Run(t.Context(), m.ID, nil); err != nil {
		t.Fatal(err)
	}
	if m.BaseRefusals == nil || m.TunedRefusals == nil || m.TunedRefusals.Adapter != x.Adapter || m.BaseRefusals.Adapter != "" || m.BaseRefusals.Model != m.ModelID {
		t.Fatalf("base %+v, tuned %+v", m.BaseRefusals, m.TunedRefusals)
	}
	// Every refusal is as likely, so a bound refuses all or nothing; by itself the model refuses all.
	l := m.BaseRefusals.Languages["en"]
	if p := l.Bounds[calibrate.Balanced]; l.Model.FalseRefusals.Share != 1 || l.Model.FalseAnswers.Share != 0 || p.FalseRefusals.Share+p.FalseAnswers.Share != 1 || p.Right.Share != p.FalseAnswers.Share {
		t.Errorf("base: %+v", l)
	}
	items, err := c.exams.Items(t.Context(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	again, forced := 0, 0
	for _, n := range c.client.Batches()[calls:] {
		again += n
	}
	for _, i := range items {
		for _, side := range []*record.ExamRefusal{i.BaseRefusal, i.TunedRefusal} {
			if side == nil || side.Probability != 0.6 || (side.Open != nil) == i.Refusal {
				t.Errorf("question %d: %+v", i.Place, side)
			} else if side.Open != nil {
				forced++
			}
		}
	}
	if again != 2*len(items)+forced {
		t.Errorf("%d requests for %d questions, %d of them refused though they are answered", again, len(items), forced)
	}
	info, err := c.adapters.Find(t.Context(), "one")
	if err != nil || info.Refusal == nil || info.Refusal.Languages["en"].Bounds[calibrate.Balanced].Bound != m.TunedRefusals.Languages["en"].Bounds[calibrate.Balanced].Bound {
		t.Errorf("the adapter's bounds: %+v, %v", info.Refusal, err)
	}
}
