package training

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/theme"
	"kakoi/ui/uitest"
	"kakoi/ui/widget"
)

// stage is the screen on a window of the test driver, as wide as it is beside the rail in a window of 1180.
func stage(t testing.TB, w *world, lang, mode string, percent int) (*Screen, *desk) {
	t.Helper()
	return stageLeft(t, w, lang, mode, percent, nil)
}

// stageLeft is stage with what an earlier window left.
func stageLeft(t testing.TB, w *world, lang, mode string, percent int, left json.RawMessage) (*Screen, *desk) {
	t.Helper()
	a := test.NewTempApp(t)
	fonts := theme.LoadFonts(cmp.Or(os.Getenv("KAKOI_FONTS"), filepath.Join("..", "..", "bin", "fonts"))) // set-up puts them there
	if fonts.Regular == nil {
		t.Fatal("no fonts: make setup puts them into bin/fonts")
	}
	a.Settings().SetTheme(theme.New(mode, percent, fonts))
	window := test.NewTempWindow(t, widget.NewEntry())
	window.SetPadded(false)
	d := newDesk(t.Context(), lang)
	d.window = window
	s := newScreen(&screenDesk{d}, &app.Bus{}, made(d, w))
	if left != nil {
		s.SetState(left)
	}
	window.SetContent(s.Build())
	window.Resize(fyne.NewSize(1180-110, 660))
	window.Canvas().SetOnTypedKey(func(k *fyne.KeyEvent) { // as the shell does with keys that nobody took
		for _, sc := range s.Shortcuts() {
			if sc.Modifier == 0 && sc.Key == k.Name {
				sc.Do()
				return
			}
		}
	})
	s.Shown()
	d.drain(t)
	s.Focus()
	return s, d
}

func press(s *Screen, keys ...fyne.KeyName) {
	c := s.shell.Window().Canvas()
	for _, k := range keys {
		if f := c.Focused(); f != nil {
			f.TypedKey(&fyne.KeyEvent{Name: k})
		} else if typed := c.OnTypedKey(); typed != nil {
			typed(&fyne.KeyEvent{Name: k})
		}
	}
}

func (s *Screen) capture(t *testing.T, name string) {
	t.Helper()
	uitest.LooksLike(t, name, s.shell.Window().Canvas().Capture())
}

// Every page as it was looked at, in both languages.
func TestLooks(t *testing.T) {
	w := newWorld()
	s, _ := stage(t, w, "ja", theme.Light, 100)
	s.capture(t, "empty-ja-light.png")

	w.put("a", 200)
	s, d := stage(t, w, "ja", theme.Light, 100)
	press(s, fyne.KeyA, fyne.KeyD, fyne.KeyDown)
	d.drain(t)
	s.capture(t, "questions-ja-light.png")

	s, d = stage(t, w, "en", theme.Dark, 100)
	s.m.show(stepSettings)
	d.drain(t)
	s.capture(t, "settings-en-dark.png")

	w.gate = make(chan struct{})
	s.m.start()
	for range 25 {
		d.until(t, "it runs", s.m.training)
		w.gate <- struct{}{}
	}
	d.until(t, "25 steps", func() bool { // the curve may have been read from the run's folder before its last news is heard
		r, _ := s.m.currentRun()
		return len(s.m.live.loss.Train) == 25 && r.Step == 25
	})
	s.capture(t, "run-en-dark.png")
	s.m.pause()
	d.drain(t)
	close(w.gate)

	s, d = stage(t, w, "ja", theme.Light, 100)
	s.m.click = true
	s.m.train()
	d.drain(t)
	s.capture(t, "adopt-ja-light.png")
	s.m.show(stepExam)
	s.m.paper.goTo(1)
	s.capture(t, "exam-ja-light.png")
	s, _ = stage(t, w, "en", theme.Light, 150)
	s.m.show(stepExam)
	s.capture(t, "exam-en-150.png")
}

// From an empty screen to an adapter that answers, and back, with the keyboard alone.
func TestByKeyboardAlone(t *testing.T) {
	w := newWorld()
	s, d := stage(t, w, "en", theme.Light, 100)
	press(s, fyne.KeyReturn) // the keyboard is on the one button
	d.drain(t)
	if s.m.step != stepAdopt {
		t.Fatalf("Enter leads to step %d; errors %v", s.m.step, d.errors)
	}
	a, _ := s.m.trained()
	if !a.Default {
		t.Fatal("the adapter does not answer")
	}
	if b, ok := s.shell.Window().Canvas().Focused().(*widget.Button); !ok || b.Text != s.text("training.adopt.back") {
		t.Fatalf("at the end the keyboard is on %v", s.shell.Window().Canvas().Focused())
	}
	press(s, fyne.KeySpace)
	d.drain(t)
	if a, _ := s.m.trained(); a.Default {
		t.Error("it still answers")
	}
	tabTo(t, s, "1  "+s.text("training.step.questions")+"  ✓")
	press(s, fyne.KeyReturn)
	if s.m.step != stepQuestions {
		t.Errorf("at step %d", s.m.step)
	}
	s.toFilter()
	for _, r := range "refused-by-nothing" {
		s.shell.Window().Canvas().Focused().TypedRune(r)
	}
	if len(s.m.review.rows) != 0 {
		t.Errorf("%d rows", len(s.m.review.rows))
	}
	press(s, fyne.KeyEscape)
	if len(s.m.review.rows) != 60 || s.shell.Window().Canvas().Focused() != s.questions.table.Focus() {
		t.Errorf("after Escape %d rows, the keyboard at %T", len(s.m.review.rows), s.shell.Window().Canvas().Focused())
	}
	press(s, fyne.KeyE) // the editor, on the answer
	f, ok := s.shell.Window().Canvas().Focused().(*widget.Entry)
	if !ok || !strings.HasPrefix(f.Text, "一泊") {
		t.Fatalf("E leads to %T", s.shell.Window().Canvas().Focused())
	}
	f.SetText("一泊2万円です。")
	tabTo(t, s, s.text("training.edit.save"))
	press(s, fyne.KeyReturn)
	d.drain(t)
	if got := s.m.review.all[0]; got.answer != "一泊2万円です。" || s.shell.Window().Canvas().Overlays().Top() != nil {
		t.Errorf("edited %+v, panel %v", got, s.shell.Window().Canvas().Overlays().Top())
	}
	press(s, fyne.KeyDelete)
	if s.m.review.all[0].state != core.RowDropped {
		t.Error("Delete does not drop the row")
	}
}

// tabTo presses Tab until a button has the keyboard.
func tabTo(t *testing.T, s *Screen, text string) {
	t.Helper()
	c := s.shell.Window().Canvas()
	for range 60 {
		if b, ok := c.Focused().(*widget.Button); ok && b.Text == text {
			return
		}
		c.FocusNext()
	}
	t.Fatalf("Tab does not lead to %q", text)
}

// No key reaches a button that is not shown yet.
func TestKeyboardWaitsForTheRun(t *testing.T) {
	w := newWorld()
	s, d := stage(t, w, "en", theme.Light, 100)
	s.m.clickAll()
	d.drain(t)
	r := w.runs[0]
	r.State, r.Interrupted, r.Adapter, r.Step = record.RunPaused, true, "", 3
	// A window that was left here opens before its records are read.
	s.m.runs, s.m.run, s.m.exam, s.m.loaded, s.m.step = nil, "", "", false, stepRun
	s.changed(changedAll)
	s.Focus()
	if f := s.shell.Window().Canvas().Focused(); f != fyne.Focusable(s.steps[stepRun]) {
		t.Fatalf("with nothing to go on with, the keyboard is on %+v", f)
	}
	w.runs = []record.Run{r}
	s.m.refresh()
	d.drain(t)
	if b, ok := s.shell.Window().Canvas().Focused().(*widget.Button); !ok || b.Text != s.text("training.run.goon") {
		t.Errorf("the run is there, and the keyboard is on %+v", s.shell.Window().Canvas().Focused())
	}
}

// The keyboard does not get lost when the button that has it goes.
func TestPauseLeavesTheKeyboard(t *testing.T) {
	w := newWorld()
	w.put("a", 20)
	w.gate = make(chan struct{})
	s, d := stage(t, w, "en", theme.Light, 100)
	s.m.show(stepSettings)
	d.drain(t)
	tabTo(t, s, s.text("training.begin"))
	press(s, fyne.KeyReturn)
	d.until(t, "it runs", func() bool { return s.m.training() && w.begun("run0") })
	tabTo(t, s, s.text("training.run.pause"))
	press(s, fyne.KeyReturn)
	d.drain(t)
	b, ok := s.shell.Window().Canvas().Focused().(*widget.Button)
	if !ok || b.Text != s.text("training.run.goon") {
		t.Errorf("after a pause the keyboard is on %v", s.shell.Window().Canvas().Focused())
	}
}

func TestImportMapsColumns(t *testing.T) {
	w := newWorld()
	s, d := stage(t, w, "en", theme.Light, 100)
	if s.Drop([]string{"/x/picture.png"}) || !s.Drop([]string{"/x/問答.csv"}) {
		t.Fatal("a table of questions is not taken, or a picture is")
	}
	d.drain(t)
	if s.shell.Window().Canvas().Overlays().Top() == nil {
		t.Fatal("nothing is asked")
	}
	tabTo(t, s, s.text("training.import.take"))
	press(s, fyne.KeyReturn)
	d.drain(t)
	if len(w.sets) != 1 || s.m.set == "" {
		t.Errorf("%d datasets, errors %v", len(w.sets), d.errors)
	}
}

func TestOptions(t *testing.T) {
	w := newWorld()
	s, _ := stage(t, w, "en", theme.Light, 100)
	s.options()
	told := ""
	for _, o := range test.LaidOutObjects(s.shell.Window().Canvas().Overlays().Top()) {
		if p, ok := o.(*widget.Prose); ok {
			told += p.Text() + "\n"
		}
	}
	for _, usual := range []string{"nowhere. 50 is usual.", "kept back. 20 is usual.", "time. 600 is usual."} { // what a build does that is told nothing
		if !strings.Contains(told, usual) {
			t.Errorf("no %q in %q", usual, told)
		}
	}
	f := s.shell.Window().Canvas().Focused().(*widget.Entry)
	f.SetText("120")
	tabTo(t, s, s.text("training.options.ok"))
	press(s, fyne.KeyReturn)
	if s.m.build.Share != 0 || s.shell.Window().Canvas().Overlays().Top() == nil {
		t.Fatal("120% is taken")
	}
	f.SetText("0")
	press(s, fyne.KeyReturn)
	if s.m.build.Share >= 0 || s.m.build.Held != 0.2 || s.m.build.Rows != 600 {
		t.Errorf("%+v", s.m.build)
	}
}

func TestChartIsSaved(t *testing.T) {
	w := newWorld()
	s, d := stage(t, w, "en", theme.Light, 100)
	s.m.clickAll()
	d.drain(t)
	s.m.show(stepRun)
	d.saved = filepath.Join(t.TempDir(), "loss.png")
	tabTo(t, s, s.text("training.chart.png"))
	press(s, fyne.KeyReturn)
	if raw, err := os.ReadFile(d.saved); err != nil || !strings.HasPrefix(string(raw), "\x89PNG") {
		t.Errorf("%v: %.10q", err, raw)
	}
	d.saved = filepath.Join(t.TempDir(), "no", "such", "folder.svg")
	tabTo(t, s, s.text("training.chart.svg"))
	press(s, fyne.KeyReturn)
	if len(d.errors) != 1 {
		t.Errorf("errors %v", d.errors)
	}
}

// BenchmarkReview is one decision among 5,000 rows, until it can be seen.
func BenchmarkReview(b *testing.B) {
	w := newWorld()
	w.put("a", 5000)
	s, d := stage(b, w, "ja", theme.Light, 100)
	for b.Loop() {
		press(s, fyne.KeyA)
		for len(d.queue) > 0 {
			(<-d.queue)()
		}
	}
}

// BenchmarkFilter is one letter in the filter over 5,000 rows, until it can be seen.
func BenchmarkFilter(b *testing.B) {
	w := newWorld()
	w.put("a", 5000)
	s, d := stage(b, w, "ja", theme.Light, 100)
	n := 0
	for b.Loop() {
		n++
		s.questions.filter.SetText([]string{"宿泊", "宿泊費", "旅費規程"}[n%3])
	}
	d.drain(b)
}

// TestStepsGoOnAfterTheWindow: the window is closed over any of the steps that go by themselves. The next one says so, has the keyboard on
// “go on”, and goes to the end from there; until then nothing is done unasked.
func TestStepsGoOnAfterTheWindow(t *testing.T) {
	for at, reached := range map[string]func(w *world) bool{
		"questions": func(w *world) bool { return len(w.sets) == 0 },
		"exam":      func(w *world) bool { return len(w.runs) == 1 && w.runs[0].State == record.RunDone && len(w.all) == 0 },
		"half an exam": func(w *world) bool {
			return len(w.all) == 1 && w.all[0].State == record.RunPaused && w.all[0].Done == 0
		},
	} {
		w := newWorld()
		s, d := stage(t, w, "en", theme.Light, 100)
		s.m.clickAll()
		d.drain(t)
		// What the window would have left had it been closed then.
		a, _ := s.m.trained()
		s.m.click = true
		switch at {
		case "questions":
			w.sets, w.runs, w.all, w.has = nil, nil, nil, nil
			s.m.step, s.m.set, s.m.run, s.m.exam = stepQuestions, "", "", ""
		case "exam":
			w.all = nil
			s.m.step, s.m.exam = stepRun, ""
		case "half an exam":
			w.all[0].State, w.all[0].Done = record.RunPaused, 0
			s.m.step = stepExam
		}
		for i := range w.has {
			w.has[i].Default, w.has[i].State = false, record.AdapterDraft
		}
		left := s.State()
		if !reached(w) {
			t.Fatalf("%s: the world is not as it should be", at)
		}
		s, d = stageLeft(t, w, "en", theme.Light, 100, left)
		if b, ok := s.shell.Window().Canvas().Focused().(*widget.Button); !ok || b.Text != s.text("training.goon") || !b.Visible() {
			t.Errorf("%s: the keyboard is on %+v", at, s.shell.Window().Canvas().Focused())
		}
		if got := s.banner.text.Text(); got != s.text("training.closed") {
			t.Errorf("%s: told %q", at, got)
		}
		s.m.show(stepSettings) // makes a plan; nothing follows
		d.drain(t)
		if a, ok := s.m.trained(); s.m.step != stepSettings || ok && a.Default {
			t.Errorf("%s: it went on unasked", at)
		}
		s.Focus()
		press(s, fyne.KeyReturn)
		d.drain(t)
		if now, ok := s.m.trained(); !ok || !now.Default || s.m.step != stepAdopt || at != "questions" && now.ID != a.ID {
			t.Errorf("%s: it ends at step %d with %+v, errors %v", at, s.m.step, now, d.errors)
		}
		if s.m.asks() || !s.banner.panel.Hidden {
			t.Errorf("%s: at the end it is told %q", at, s.banner.text.Text())
		}
	}
}

// TestWhatWaitsCanBeClosed: a person who does not want the rest of the steps closes the banner, and the next window does not bring it back; nothing is done.
func TestWhatWaitsCanBeClosed(t *testing.T) {
	w := newWorld()
	s, d := stage(t, w, "en", theme.Light, 100)
	s.m.clickAll()
	d.drain(t)
	w.all = nil
	s.m.click, s.m.step, s.m.exam = true, stepRun, ""
	s, d = stageLeft(t, w, "en", theme.Light, 100, s.State())
	if s.banner.text.Text() != s.text("training.closed") || !s.banner.close.Visible() {
		t.Fatalf("told %q", s.banner.text.Text())
	}
	test.Tap(s.banner.close)
	d.drain(t)
	if !s.banner.panel.Hidden || s.m.left || s.m.click || len(w.all) != 0 {
		t.Errorf("closed: told %q, exams %+v", s.banner.text.Text(), w.all)
	}
	s, _ = stageLeft(t, w, "en", theme.Light, 100, s.State())
	if !s.banner.panel.Hidden || s.m.asks() {
		t.Errorf("the next window tells %q", s.banner.text.Text())
	}
	// A run that is not finished: told on other steps until it is closed; another such run is told of again.
	w.runs[0].State, w.runs[0].Step = record.RunPaused, 3
	s, d = stageLeft(t, w, "en", theme.Light, 100, s.State())
	s.m.show(stepQuestions)
	d.drain(t)
	if s.banner.panel.Hidden || !s.banner.close.Visible() {
		t.Fatal("an unfinished run is not told of")
	}
	test.Tap(s.banner.close)
	d.drain(t)
	s, d = stageLeft(t, w, "en", theme.Light, 100, s.State())
	s.m.show(stepQuestions)
	d.drain(t)
	if !s.banner.panel.Hidden {
		t.Errorf("closed, the next window tells %q", s.banner.text.Text())
	}
	w.runs[0].ID = "another"
	s.m.run = "another"
	s.m.runs[0].ID = "another"
	s.banner.update()
	if s.banner.panel.Hidden {
		t.Error("another unfinished run is not told of")
	}
}

// TestARunByHandEndsTheStepsLeft: where the window was closed over the steps, and a person then begins a new run by hand, that is all that is done: no exam, and nothing is adopted unasked.
func TestARunByHandEndsTheStepsLeft(t *testing.T) {
	w := newWorld()
	s, d := stage(t, w, "en", theme.Light, 100)
	s.m.clickAll()
	d.drain(t)
	w.runs, w.all, w.has = nil, nil, nil
	s.m.click, s.m.step, s.m.run, s.m.exam = true, stepRun, "", ""
	s, d = stageLeft(t, w, "en", theme.Light, 100, s.State())
	s.m.show(stepSettings) // makes a plan
	d.until(t, "a plan", s.m.settings.ready)
	s.m.start()
	d.drain(t)
	if len(w.runs) != 1 || w.runs[0].State != record.RunDone || len(w.all) != 0 || s.m.left || s.m.click {
		t.Errorf("runs %+v, exams %+v, left %v, by themselves %v, errors %v", w.runs, w.all, s.m.left, s.m.click, d.errors)
	}
	if a, ok := s.m.trained(); !ok || a.Default {
		t.Errorf("the adapter: %+v", a)
	}
}
