package training

import (
	"context"
	"slices"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/place"
	"kakoi/ui/widget"
)

// start is a model that has read its records.
func start(t *testing.T, w *world) (*model, *desk) {
	t.Helper()
	d := newDesk(t.Context(), "en")
	m := made(d, w)
	m.refresh()
	d.drain(t)
	return m, d
}

// One button goes from documents to an adapter that answers.
func TestClickGoesThroughAllSteps(t *testing.T) {
	w := newWorld()
	m, d := start(t, w)
	var been []step
	m.tell = func(change) {
		if len(been) == 0 || been[len(been)-1] != m.step {
			been = append(been, m.step)
		}
	}
	m.clickAll()
	d.drain(t)
	a, ok := m.trained()
	if !ok || !a.Default || m.step != stepAdopt || m.click {
		t.Fatalf("at step %d, clicking %v, adapter %+v, errors %v", m.step, m.click, a, d.errors)
	}
	if len(been) != int(nSteps) {
		t.Errorf("the steps shown were %v", been)
	}
	if m.settings.Preset != presetRecommended || w.runs[0].Settings.Preset != presetRecommended {
		t.Errorf("trained with %q", w.runs[0].Settings.Preset)
	}
	if len(m.live.loss.Train) != steps || len(m.live.loss.Held) != steps/8 || m.live.loss.Best != steps/8-1 {
		t.Errorf("the curves have %d and %d points, best %d", len(m.live.loss.Train), len(m.live.loss.Held), m.live.loss.Best)
	}
	for s := range nSteps {
		if !m.done(s) {
			t.Errorf("step %d is not done", s)
		}
	}
	// And back in one click.
	m.back()
	d.drain(t)
	if a, _ := m.trained(); a.Default || !strings.Contains(d.toasts[len(d.toasts)-1], "without an adapter") {
		t.Errorf("after going back: default %v, told %q", a.Default, d.toasts)
	}
}

// What a person has to know stops the click, and their word lets it go on.
func TestClickStopsWhereAPersonDecides(t *testing.T) {
	for name, again := range map[string]func(*model){"the banner's button": (*model).decideAll, "the same button again": (*model).clickAll} {
		w := newWorld()
		w.warnings = []string{"training.waits.warnings"}
		m, d := start(t, w)
		m.clickAll()
		d.drain(t)
		if m.step != stepQuestions || m.waits == "" || m.click || len(w.runs) != 0 {
			t.Fatalf("%s: step %d, waits %q, %d runs", name, m.step, m.waits, len(w.runs))
		}
		again(m)
		d.drain(t)
		if m.step != stepAdopt || m.waits != "" || len(w.runs) != 1 {
			t.Errorf("%s: step %d, waits %q, errors %v", name, m.step, m.waits, d.errors)
		}
	}
}

// TestInterruptedRunIsFound: the program was killed while it trained; the window remembers an older run, and shows the one to go on with.
func TestInterruptedRunIsFound(t *testing.T) {
	w := newWorld()
	m, d := start(t, w)
	m.clickAll()
	d.drain(t)
	old := w.runs[0]
	killed := old
	killed.ID, killed.State, killed.Interrupted, killed.Adapter, killed.Step = "00000000000000aa", record.RunPaused, true, "", 3
	w.runs = append([]record.Run{killed}, w.runs...)
	again := made(newDesk(t.Context(), "en"), w)
	again.step, again.set, again.run = stepRun, old.Dataset, old.ID
	again.refresh()
	again.host.(*desk).drain(t)
	if r, ok := again.currentRun(); !ok || r.ID != killed.ID || !again.unfinished(r) || again.step != stepRun {
		t.Errorf("shown is %+v at step %d", r, again.step)
	}
}

// A failing step ends the click where it is, and tells.
func TestClickStopsAtAnError(t *testing.T) {
	w := newWorld()
	m, d := start(t, w)
	w.fail = errTorn
	m.clickAll()
	d.drain(t)
	if m.click || len(d.errors) != 1 || len(w.sets) != 0 {
		t.Fatalf("clicking %v, errors %v", m.click, d.errors)
	}
	w.put("a", 20)
	m.refresh()
	d.drain(t)
	w.fail = errTorn // the plan's
	m.clickAll()
	d.drain(t)
	if m.step != stepSettings || m.settings.failed == nil || m.click || len(w.runs) != 0 {
		t.Errorf("step %d, failed %v, %d runs", m.step, m.settings.failed, len(w.runs))
	}
}

// An adapter that is not better stays a draft, with the reason; a person may use it all the same, after being asked.
func TestDraftKeepsItsReason(t *testing.T) {
	w := newWorld()
	w.better = false
	m, d := start(t, w)
	m.clickAll()
	d.drain(t)
	a, ok := m.trained()
	if !ok || a.Default || a.State != record.AdapterDraft || a.Why == nil {
		t.Fatalf("adapter %+v", a)
	}
	e, _ := m.currentExam()
	if lines := m.decided(e); len(lines) != 2 || lines[0].kind != lineWarn || !strings.Contains(lines[0].text, "0.0") {
		t.Errorf("told %+v", lines)
	}
	m.use()
	if len(d.questions) != 1 {
		t.Fatal("a draft is used without asking")
	}
	d.questions[0].Then()
	d.drain(t)
	if a, _ := m.trained(); !a.Default {
		t.Error("it is not used")
	}
}

// A run rests and goes on, with its curves whole, in this window and in the next one.
func TestPauseAndGoOn(t *testing.T) {
	w := newWorld()
	w.put("a", 20)
	w.gate = make(chan struct{})
	m, d := start(t, w)
	m.show(stepSettings)
	d.until(t, "planned", m.settings.ready)
	m.start()
	d.until(t, "it runs", func() bool { r, ok := m.currentRun(); return ok && r.State == record.RunRunning })
	for range 9 {
		w.gate <- struct{}{}
	}
	m.pause()
	d.drain(t)
	r, _ := m.currentRun()
	if r.State != record.RunPaused || r.Step < 8 || len(m.live.loss.Train) != r.Step || len(d.errors) != 0 {
		t.Fatalf("run %+v with %d points, errors %v", r, len(m.live.loss.Train), d.errors)
	}
	// The window is closed and opened again.
	s := newScreen(&screenDesk{d}, &app.Bus{}, m)
	kept := s.State()
	close(w.gate)
	d2 := newDesk(t.Context(), "en")
	m2 := made(d2, w)
	s2 := newScreen(&screenDesk{d2}, &app.Bus{}, m2)
	s2.SetState(kept)
	m2.refresh()
	d2.drain(t)
	r2, ok := m2.currentRun()
	if !ok || r2.ID != r.ID || m2.step != stepRun || len(m2.live.loss.Train) != r.Step || !m2.unfinished(r2) {
		t.Fatalf("step %d, run %+v with %d points", m2.step, r2, len(m2.live.loss.Train))
	}
	m2.train()
	d2.drain(t)
	if r, _ := m2.currentRun(); r.State != record.RunDone || len(m2.live.loss.Train) != steps {
		t.Errorf("run %+v with %d points", r, len(m2.live.loss.Train))
	}
}

// screenDesk is a desk as the whole screen sees it.
type screenDesk struct{ *desk }

// A run that goes on from an earlier step, after a crash, has one loss for each step.
func TestStepsDoneAgainReplaceTheirPoints(t *testing.T) {
	l := &live{}
	for s := 1; s <= 20; s++ {
		l.stepped(s, 1)
		if s%5 == 0 {
			l.evaluated(s, 3-float64(s)/10, true)
		}
	}
	l.stepped(11, 2)
	if len(l.loss.Train) != 11 || l.loss.Train[10].Loss != 2 || len(l.loss.Held) != 2 || l.loss.Best != 1 {
		t.Errorf("%d and %d points, best %d", len(l.loss.Train), len(l.loss.Held), l.loss.Best)
	}
}

// A list of the runs that was read before an event and comes after it does not set a run back.
func TestOlderListOfRuns(t *testing.T) {
	w := newWorld()
	w.put("a", 20)
	w.gate = make(chan struct{})
	m, d := start(t, w)
	m.show(stepSettings)
	d.until(t, "planned", m.settings.ready)
	m.start()
	d.until(t, "it runs", m.training)
	old := slices.Clone(m.runs)
	for range 9 {
		w.gate <- struct{}{}
	}
	at := func() int { r, _ := m.currentRun(); return r.Step }
	d.until(t, "nine steps", func() bool { return at() == 9 })
	m.runs = old
	m.live.keep()
	if at() != 9 {
		t.Errorf("the run is back at step %d", at())
	}
	m.pause()
	d.drain(t)
}

func TestStopKeepsTheBest(t *testing.T) {
	w := newWorld()
	w.put("a", 20)
	w.gate = make(chan struct{})
	m, d := start(t, w)
	m.show(stepSettings)
	d.until(t, "planned", m.settings.ready)
	m.start()
	for range 9 {
		d.until(t, "it runs", func() bool { return m.training() })
		w.gate <- struct{}{}
	}
	m.keepBest()
	d.drain(t)
	r, _ := m.currentRun()
	if r.State != record.RunDone || r.End != core.TrainStopped || r.Adapter == "" {
		t.Errorf("%+v", r)
	}
}

// Settings: a preset's values, one's own, and what holds in no field.
func TestSettings(t *testing.T) {
	w := newWorld()
	w.put("a", 20)
	m, d := start(t, w)
	st := &m.settings
	st.setPreset(presetTechLab)
	d.drain(t)
	if st.Epochs != 200 || st.Batch != 12 || !st.ready() {
		t.Errorf("%+v", st.TrainSettings)
	}
	find := func(key string) field {
		for _, f := range fields {
			if f.key == key {
				return f
			}
		}
		t.Fatalf("no field %q", key)
		return field{}
	}
	planned := w.planned
	for key, bad := range map[string]string{"rank": "0", "dropout": "1", "epochs": "many", "targets": " ", "seed": "-1"} {
		st.set(find(key), bad)
		if st.wrong[key] == "" || st.Preset != presetTechLab {
			t.Errorf("%s takes %q", key, bad)
		}
		st.set(find(key), find(key).get(st.TrainSettings))
	}
	d.drain(t)
	if w.planned != planned || len(st.wrong) != 0 {
		t.Errorf("values that are none were planned with; wrong %v", st.wrong)
	}
	st.set(find("epochs"), " 3 ")
	d.drain(t)
	if st.Epochs != 3 || st.Preset != presetOwn || w.planned != planned+1 || !st.ready() {
		t.Errorf("%v epochs, preset %q, ready %v", st.Epochs, st.Preset, st.ready())
	}
	for _, f := range fields { // what is shown is a value of it
		next := st.TrainSettings
		if !f.set(&next, f.get(next)) || f.get(next) != f.get(st.TrainSettings) {
			t.Errorf("%s does not take its own value %q", f.key, f.get(st.TrainSettings))
		}
	}
	parts, sum, left := m.memory(st.planned.Plan)
	if len(parts) != 5 || sum != 5_920_000_000 || left != 3_080_000_000 {
		t.Errorf("%d parts, %d bytes, %d left", len(parts), sum, left)
	}
}

// A plan of settings that were changed meanwhile is not taken.
func TestOldPlanIsDropped(t *testing.T) {
	w := newWorld()
	w.put("a", 20)
	m, d := start(t, w)
	m.show(stepSettings)
	m.settings.setPreset(presetTechLab)
	m.settings.setPreset(presetRecommended)
	d.drain(t)
	if !m.settings.ready() || m.settings.planned.Settings.Epochs != core.Recommended().Epochs || m.work != nil {
		t.Errorf("planned %+v", m.settings.planned)
	}
}

// The review: decide, mark, filter, edit, and take all of it back.
func TestReview(t *testing.T) {
	w := newWorld()
	w.put("a", 2500)
	m, d := start(t, w)
	r := &m.review
	if len(r.all) != 2500 || len(r.rows) != 2500 {
		t.Fatalf("%d rows", len(r.all))
	}
	first, second := r.all[0].id, r.all[1].id
	r.decide(core.RowKept)
	r.decide(core.RowDropped)
	r.decide(core.RowKept)
	d.drain(t)
	if r.all[0].state != core.RowKept || r.all[1].state != core.RowDropped || r.cursor != r.all[3].id {
		t.Errorf("states %q %q, the cursor at %s", r.all[0].state, r.all[1].state, r.cursor)
	}
	if w.rows["a"][1].State != core.RowDropped || strings.Join(w.writes, ",") != "kept 1,dropped 1,kept 1" {
		t.Errorf("written %v", w.writes)
	}
	r.takeBack()
	r.takeBack()
	d.drain(t)
	if r.all[1].state != core.RowOpen || w.rows["a"][1].State != core.RowOpen || r.cursor != second {
		t.Errorf("after undo %q", r.all[1].state)
	}
	r.setQuery("ＫＸ-200 Ｐ.３ ") // width and case do not matter
	if n := len(r.rows); n == 0 || n > 900 {
		t.Errorf("%d rows of one document and page", n)
	}
	r.markAll()
	n := len(r.rows)
	r.decide(core.RowDropped)
	d.drain(t)
	if _, dropped := r.counts(); dropped != n {
		t.Errorf("%d of %d dropped", dropped, n)
	}
	r.takeBack()
	d.drain(t)
	if _, dropped := r.counts(); dropped != 0 {
		t.Errorf("%d dropped after undo", dropped)
	}
	r.setQuery("")
	r.setShow(showKept)
	if len(r.rows) != 1 || r.at(0).id != first {
		t.Errorf("%d accepted", len(r.rows))
	}
	r.setShow(showRefusals)
	if len(r.rows) != 625 {
		t.Errorf("%d refusals", len(r.rows))
	}
	r.setShow(showAll)
	r.goTo(4, widget.MoveOnly)
	id := r.cursor
	r.edit(id, "How much?", "Ten.", func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
	d.drain(t)
	if e, ok := r.current(); !ok || e.question != "How much?" || e.id == id || e.state != core.RowKept {
		t.Errorf("edited %+v", e)
	}
	r.takeBack()
	d.drain(t)
	if e, ok := r.current(); !ok || e.id != id || e.state != core.RowOpen {
		t.Errorf("after undo %+v", e)
	}
}

// What could not be written is told, and the rows are as they are on the disk.
func TestReviewTellsWhatWasNotWritten(t *testing.T) {
	w := newWorld()
	w.put("a", 20)
	m, d := start(t, w)
	w.fail = errTorn
	m.review.decide(core.RowDropped)
	d.drain(t)
	if len(d.errors) != 1 || m.review.all[0].state != core.RowOpen {
		t.Errorf("errors %v, state %q", d.errors, m.review.all[0].state)
	}
}

// News of rows that a person decides on here do not make the table jump; those of another face are read.
func TestNewsOfRows(t *testing.T) {
	w := newWorld()
	w.put("a", 20)
	m, d := start(t, w)
	reads := m.review.reads
	m.review.decide(core.RowKept)
	d.drain(t)
	m.heard(app.TopicDatasets)
	d.drain(t)
	if m.review.reads != reads {
		t.Error("the table was read anew after a decision made in it")
	}
	if err := w.SetState(context.Background(), "a", core.RowDropped, w.rows["a"][7].ID); err != nil {
		t.Fatal(err)
	}
	m.heard(app.TopicDatasets)
	d.drain(t)
	if m.review.all[7].state != core.RowDropped {
		t.Error("a row dropped elsewhere is shown as it was")
	}
}

func TestSourceLeadsToItsPage(t *testing.T) {
	w := newWorld()
	w.put("a", 20)
	m, d := start(t, w)
	m.openSource(m.review.all[4].source, "規程")
	if got := d.went[0]; got != (place.Document{Collection: "規程", ID: "doc1", Page: 5, Start: 10, End: 20}) {
		t.Errorf("went to %+v", got)
	}
}

// What a dataset is made of is told: split, refusals, what was left out and why.
func TestAboutADataset(t *testing.T) {
	w := newWorld()
	set := w.put("a", 100)
	m, _ := start(t, w)
	var all []string
	for _, l := range m.about(set) {
		all = append(all, l.text)
	}
	told := strings.Join(all, "\n")
	for _, want := range []string{"100 rows", "80 to learn from", "20 kept back", "25 of them (25%)", "15 drafts left out", "3 documents, 1 of them"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is not told:\n%s", want, told)
		}
	}
}

// A plan says what its time follows from.
func TestPlanSaysWhereItsTimeComesFrom(t *testing.T) {
	m, _ := start(t, newWorld())
	for from, want := range map[core.SecondsFrom]string{
		"": "Estimated time: about 7 minutes", core.SecondsComputed: "(computed from the speed of this device)", core.SecondsMeasured: "(at the speed of the last training like this one)",
	} {
		lines := m.told(core.TrainPlan{Seconds: 412, SecondsFrom: from}, nil)
		if !slices.ContainsFunc(lines, func(l line) bool {
			return strings.HasPrefix(l.text, "Estimated time: about 7 minutes") && strings.HasSuffix(l.text, want)
		}) {
			t.Errorf("%q: %+v", from, lines)
		}
	}
}
