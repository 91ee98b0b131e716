package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/index/store"
	"kakoi/resources"
	"kakoi/ui/place"
	"kakoi/ui/widget"
)

// rawKey is a key of the translations standing where a text should.
var rawKey = regexp.MustCompile(`\b(ui|chat|documents|training|train|dataset|exam|adapter|models|settings|help|welcome|chooser|folders|page|error|cli|stage|job)\.[a-z0-9_]+(\.[a-z0-9_]+)*\b`)

// No screen shows a raw key, and no text is wider than its place, in any language, with the largest text of the welcome in a
// narrow window.
func TestNothingIsCutAtLargeText(t *testing.T) {
	s, q := openShell(t, "ja")
	file := filepath.Join(t.TempDir(), "就業規則 (改訂版).txt")
	if err := os.WriteFile(file, []byte("年次有給休暇は、入社から6か月後に10日付与する。\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.services.Library.Add(t.Context(), app.AddPlan{Paths: []string{file, filepath.Join(filepath.Dir(file), "gone.pdf")}}, app.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	turn, err := s.services.Conversations.Ask(t.Context(), app.AskTurn{Question: "年次有給休暇は何日付与されますか。"}, func(app.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	s.Navigate(place.Conversation{ID: turn.Conversation, Turn: turn.ID})
	shown := func(key string) {
		t.Helper()
		q.until(t, s.Text(key)+" is shown", func() bool {
			return slices.ContainsFunc(test.LaidOutObjects(s.window.Content()), func(o fyne.CanvasObject) bool {
				b, ok := o.(*widget.Button)
				return ok && b.Text == s.Text(key) && b.Visible() && b.Size().Width > 2
			})
		})
	}
	shown("chat.details")
	asked := filepath.Join(t.TempDir(), "質問と答え.csv")
	if err := os.WriteFile(asked, []byte("質問,答え\n年次有給休暇は何日付与されますか。,10日です。\n有給休暇はいつから付与されますか。,入社から6か月後です。\n,抜けた行\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.services.Datasets.Import(t.Context(), asked, app.ImportPlan{}, app.DatasetOptions{}); err != nil {
		t.Fatal(err)
	}
	filled := map[place.Screen]string{place.Training: "training.accept", place.Chat: "chat.details", place.Documents: "documents.remove", place.Models: "models.details"}
	s.window.Resize(fyne.NewSize(1024, 720))
	for _, language := range resources.Languages {
		err := s.services.Settings.Update(func(set *settings.Settings) { set.Language, set.TextSize = language, 150 })
		if err != nil {
			t.Fatal(err)
		}
		q.until(t, "language "+language, func() bool { return s.Lang() == language })
		for _, e := range s.entries {
			s.Navigate(e.name)
			if key := filled[e.name]; key != "" {
				shown(key)
			}
			s.window.Resize(fyne.NewSize(1024, 720))
			if least := s.window.Content().MinSize(); least.Width > 1024 {
				t.Errorf("%s: %s needs a width of %.0f", language, e.name, least.Width)
			}
			walkTexts(t, language+": "+string(e.name), s.window.Content())
			if e.name == place.Training {
				walkSteps(t, s, q, language)
			}
		}
		s.openPalette()
		walkTexts(t, language+": palette", s.window.Canvas().Overlays().Top())
		press(s, fyne.KeyEscape)
		s.showProof()
		walkTexts(t, language+": proof", s.window.Canvas().Overlays().Top())
		press(s, fyne.KeyEscape)
		s.Confirm(widget.Question{Title: s.Text("ui.quit.title"), Text: s.Text("ui.quit.text"), Yes: s.Text("ui.quit.yes"), Then: func() {}})
		walkTexts(t, language+": question", s.window.Canvas().Overlays().Top())
		press(s, fyne.KeyEscape)
	}
	s.Navigate(place.Chat)
}

// walkSteps looks at every step of the training, and comes back to the first.
func walkSteps(t *testing.T, s *Shell, q *queue, language string) {
	t.Helper()
	turn := func(key string) {
		for _, sc := range s.registered {
			if sc.Text == key {
				sc.Do()
			}
		}
	}
	const steps = 5
	for step := 2; step <= steps; step++ {
		turn("training.shortcut.next")
		q.run()
		if least := s.window.Content().MinSize(); least.Width > 1024 {
			t.Errorf("%s: step %d of the training needs a width of %.0f", language, step, least.Width)
		}
		walkTexts(t, fmt.Sprintf("%s: training, step %d", language, step), s.window.Content())
	}
	for range steps - 1 {
		turn("training.shortcut.before")
		q.run()
	}
}

// walkTexts looks at every text that is laid out below o.
func walkTexts(t *testing.T, where string, o fyne.CanvasObject) {
	t.Helper()
	seen := 0
	for _, o := range test.LaidOutObjects(o) {
		if !o.Visible() || o.Size().Width < 2 { // what was never laid out, for something around it is hidden
			continue
		}
		switch w := o.(type) {
		case *fynewidget.Label:
			if w.Wrapping == fyne.TextWrapOff && w.Truncation == fyne.TextTruncateOff {
				fits(t, where, w.Text, w)
			}
		case *widget.Button:
			fits(t, where, w.Text, w)
		case *canvas.Text:
			seen++
			if k := rawKey.FindString(w.Text); k != "" {
				t.Errorf("%s: shows the raw key %q in %q", where, k, w.Text)
			}
		}
	}
	if seen == 0 {
		t.Errorf("%s: no text is seen", where)
	}
}

func fits(t *testing.T, where, text string, o fyne.CanvasObject) {
	t.Helper()
	const hair = 0.5
	if have, least := o.Size().Width, o.MinSize().Width; text != "" && have+hair < least {
		t.Errorf("%s: %q has %.1f of the %.1f that it needs", where, text, have, least)
	}
}

// The welcome neither: every step of it, as a new data folder shows it.
func TestTheWelcomeIsNotCutAtLargeText(t *testing.T) {
	s, q := openShellAs(t, "ja", false, store.Options{})
	const later = "welcome.later" // stands on the last step alone
	for _, language := range resources.Languages {
		err := s.services.Settings.Update(func(set *settings.Settings) { set.Language, set.TextSize = language, 150 })
		if err != nil {
			t.Fatal(err)
		}
		q.until(t, "language "+language, func() bool { return s.Lang() == language })
		s.window.Resize(fyne.NewSize(1024, 720))
		for step := 1; ; step++ {
			if least := s.window.Content().MinSize(); least.Width > 1024 || least.Height > 720 {
				t.Errorf("%s: step %d of the welcome needs %v", language, step, least)
			}
			walkTexts(t, fmt.Sprintf("%s: welcome, step %d", language, step), s.window.Content())
			last := slices.ContainsFunc(test.LaidOutObjects(s.window.Content()), func(o fyne.CanvasObject) bool {
				b, ok := o.(*widget.Button)
				return ok && b.Text == s.Text(later)
			})
			if last {
				break
			}
			if step == 5 {
				t.Fatal("the welcome does not end")
			}
			press(s, fyne.KeyReturn)
		}
		for range 2 { // back to the first step for the next language
			press(s, fyne.KeyEscape)
		}
	}
}
