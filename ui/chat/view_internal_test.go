package chat

import (
	"cmp"
	"context"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/theme"
	"kakoi/ui/uitest"
	"kakoi/ui/widget"
)

// look is how a window of a test looks.
type look struct {
	lang, mode string
	percent    int
	size       fyne.Size
}

func usual() look { return look{"ja", theme.Light, 100, fyne.NewSize(1024, 700)} }

// fonts are those that set-up puts in place.
func fonts() theme.Fonts {
	return theme.LoadFonts(cmp.Or(os.Getenv("KAKOI_FONTS"), filepath.Join("..", "..", "bin", "fonts")))
}

// show puts the screen of a rig on a window.
func (r *rig) show(l look) {
	r.t.Helper()
	a := test.NewTempApp(r.t)
	a.Settings().SetTheme(theme.New(l.mode, l.percent, fonts()))
	r.lang = l.lang
	r.window = test.NewTempWindow(r.t, nil)
	r.window.SetPadded(false)
	r.screen = New(Params{Shell: r.fakeShell, Conversations: r.talks, Models: fakeModels{r.library}, Library: r.library, Pages: r.library, Samples: func() { r.went = append(r.went, "samples") }, Now: clock})
	r.m = r.screen.m
	r.window.SetContent(r.screen.Build())
	r.window.Resize(l.size)
	r.screen.Shown()
	r.settle()
}

// picture writes what the window shows into the folder that KAKOI_PICTURES names, to be looked at.
func (r *rig) picture(name string) {
	dir := os.Getenv("KAKOI_PICTURES")
	if dir == "" {
		return
	}
	f, err := os.Create(filepath.Join(dir, name+".png"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, r.window.Canvas().Capture()); err != nil {
		r.t.Fatal(err)
	}
}

// talk fills the rig with a conversation that has everything.
func (r *rig) talk() {
	r.talks.answer = func(_ context.Context, model, question string, hear func(app.Event), place int) (record.Given, error) {
		switch question {
		case "社員食堂の営業時間は何時までですか。":
			g := givenText(model, question, "資料には記載がありません。")
			g.Answer.Refused = true
			g.Answer.Passages = cited(model, question).Answer.Passages
			return g, nil
		case "壊れる質問":
			return record.Given{Model: "starter"}, core.ErrEngine
		}
		return cited("starter", question), nil
	}
	r.ask("有給休暇はいつから使えますか。")
	r.ask("社員食堂の営業時間は何時までですか。")
	r.ask("壊れる質問")
	r.ask("有給休暇の日数と繰り越し、申請の方法を教えてください。")
}

// buttons are those that are visible in o.
func buttons(o fyne.CanvasObject) []*widget.Button {
	if o == nil || !o.Visible() {
		return nil
	}
	var parts []fyne.CanvasObject
	switch o := o.(type) {
	case *widget.Button:
		return []*widget.Button{o}
	case *fyne.Container:
		parts = o.Objects
	case fyne.Widget:
		parts = test.WidgetRenderer(o).Objects()
	}
	var out []*widget.Button
	for _, p := range parts {
		out = append(out, buttons(p)...)
	}
	return out
}

// tapPanel presses a button of the panel that lies over the window.
func (r *rig) tapPanel(key string) {
	r.t.Helper()
	text := r.Text(key)
	var found *widget.Button
	for _, b := range buttons(r.window.Canvas().Overlays().Top()) {
		if b.Text == text {
			found = b
		}
	}
	if found == nil {
		r.t.Fatalf("no button %q", text)
	}
	test.Tap(found)
}

// whole fails when a button of the window is narrower than its text, or hangs out of the window.
func (r *rig) whole(where string) {
	r.t.Helper()
	root := r.window.Content()
	if top := r.window.Canvas().Overlays().Top(); top != nil {
		root = top
	}
	for _, b := range buttons(root) {
		if b.Text == "" {
			continue
		}
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(b)
		if b.Size().Width < b.MinSize().Width-0.5 || at.X < 0 || at.X+b.Size().Width > r.window.Canvas().Size().Width+0.5 {
			r.t.Errorf("%s: %q is cut: %v wide at %v, needs %v", where, b.Text, b.Size().Width, at.X, b.MinSize().Width)
		}
	}
}

// Nothing is cut in either language and theme, at the usual text size and at half as much again in a narrow window.
func TestLooks(t *testing.T) {
	looks := []look{usual(), {"ja", theme.Dark, 150, fyne.NewSize(874, 640)}, {"en", theme.Light, 150, fyne.NewSize(874, 640)}}
	if os.Getenv("KAKOI_PICTURES") != "" {
		looks = append(looks, look{"en", theme.Dark, 100, fyne.NewSize(1024, 700)})
	}
	for _, l := range looks {
		name := l.lang + "-" + l.mode
		if l.percent > 100 {
			name += "-150"
		}
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			seen := func(what string) {
				r.whole(what)
				r.picture(name + "-" + what)
			}
			r.library.status.Collections = nil
			r.show(l)
			seen("none")
			r.library.status.Collections = []app.CollectionStatus{{Name: app.SampleCollection, Documents: 9}}
			r.m.Heard(app.TopicDocuments)
			r.settle()
			seen("samples")
			r.talk()
			seen("talk")
			for range 3 {
				r.screen.transcript.step(-1)
			}
			seen("up")
			if l.lang == "ja" {
				uitest.LooksLike(t, name+".png", r.window.Canvas().Capture())
			}
			r.screen.showDetails(r.m.leaf(), "")
			seen("details")
			r.tapPanel("ui.close")
			r.screen.showCorrection(r.m.leaf(), "")
			r.settle()
			seen("correct")
			r.tapPanel("chat.correct.place")
			r.settle()
			seen("place")
			r.tapPanel("chat.correct.later")
			r.m.SetMode(2)
			r.ask("有給休暇は何日ですか。")
			seen("compare")
			r.screen.remove(r.m.OpenID())
			seen("delete")
			r.tapPanel("ui.cancel")
			r.m.Edit(r.m.leaf())
			r.m.SetDraft("長い質問です。\n次の行\n" + strings.Repeat("それから、", 40))
			r.screen.input.refresh()
			seen("edit")
		})
	}
}

// A replay's outcome is seen in the panel.
func TestReplayIsSeen(t *testing.T) {
	r := newRig(t)
	r.show(usual())
	r.ask("質問")
	r.screen.showDetails(r.m.leaf(), "")
	r.tapPanel("chat.replay")
	r.settle()
	want := r.Text("chat.replay.same", 18, 18.0)
	var seen func(o fyne.CanvasObject) bool
	seen = func(o fyne.CanvasObject) bool {
		if !o.Visible() {
			return false
		}
		var parts []fyne.CanvasObject
		switch o := o.(type) {
		case *fynewidget.Label:
			return o.Text == want && o.Size().Height > 10
		case *fyne.Container:
			parts = o.Objects
		case fyne.Widget:
			parts = test.WidgetRenderer(o).Objects()
		}
		return slices.ContainsFunc(parts, seen)
	}
	if !seen(r.window.Canvas().Overlays().Top()) {
		t.Error("the outcome is not shown")
	}
	r.key(fyne.KeyEscape)
	if r.window.Canvas().Overlays().Top() != nil {
		t.Error("Esc does not close the details")
	}
}
