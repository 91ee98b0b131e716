package chat

import (
	"context"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/ui/place"
	"kakoi/ui/widget"
)

func (r *rig) key(name fyne.KeyName) {
	r.t.Helper()
	f := r.window.Canvas().Focused()
	if f == nil {
		r.t.Fatalf("nothing has the keyboard for %s", name)
	}
	f.TypedKey(&fyne.KeyEvent{Name: name})
}

func (r *rig) shifted(name fyne.KeyName) {
	r.t.Helper()
	k := r.window.Canvas().Focused().(desktop.Keyable)
	k.KeyDown(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
	r.key(name)
	k.KeyUp(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
}

// shortcut presses one of the screen's shortcuts. The test driver's canvas passes none on, so it is looked up here.
func (r *rig) shortcut(m fyne.KeyModifier, name fyne.KeyName) {
	r.t.Helper()
	for _, s := range r.screen.Shortcuts() {
		if s.Modifier == m && s.Key == name {
			s.Do()
			return
		}
	}
	r.t.Fatalf("no shortcut %v %s", m, name)
}

func TestEnterSendsAndShiftEnterBreaks(t *testing.T) {
	r := newRig(t)
	r.show(usual())
	r.screen.Focus()
	field := r.screen.input.field
	test.Type(field, "一行目")
	r.shifted(fyne.KeyReturn)
	test.Type(field, "二行目")
	if field.Text != "一行目\n二行目" || len(r.talks.asks) != 0 {
		t.Fatalf("field %q, asked %v", field.Text, r.talks.asks)
	}
	if r.screen.input.lines != 2 {
		t.Errorf("the field has %d lines", r.screen.input.lines)
	}
	r.key(fyne.KeyReturn)
	r.settle()
	if len(r.talks.asks) != 1 || r.talks.asks[0].Question != "一行目\n二行目" || field.Text != "" {
		t.Fatalf("asked %+v, field %q", r.talks.asks, field.Text)
	}
	test.Type(field, "次の質問")
	r.shortcut(fyne.KeyModifierControl, fyne.KeyReturn)
	r.settle()
	if len(r.talks.asks) != 2 || r.talks.asks[1].Question != "次の質問" || field.Text != "" {
		t.Errorf("Ctrl+Enter asked %+v, field %q", r.talks.asks, field.Text)
	}
	test.Type(field, strings.Repeat("あ", 1))
	field.SetText(strings.Repeat("行\n", 30))
	if r.screen.input.lines != maxInputLines {
		t.Errorf("the field grew to %d lines", r.screen.input.lines)
	}
}

func TestEscapeStops(t *testing.T) {
	r := newRig(t)
	r.talks.answer = func(ctx context.Context, model, question string, hear func(app.Event), place int) (record.Given, error) {
		hear(app.Delta{Given: place, Text: "途中まで"})
		<-ctx.Done()
		return givenText(model, question, "途中まで"), nil
	}
	r.show(usual())
	r.screen.Focus()
	test.Type(r.screen.input.field, "質問")
	r.key(fyne.KeyReturn)
	r.until("text", func() bool { return r.m.liveHere() && r.m.live.texts[0].rest != "" })
	if r.screen.input.send.Text != r.Text("chat.stop") {
		t.Errorf("the button says %q", r.screen.input.send.Text)
	}
	if l := r.screen.transcript.live["l|turn1|live0|0"]; l == nil || l.shown != "途中まで" {
		t.Errorf("the text is not shown: %+v", l)
	}
	r.key(fyne.KeyEscape)
	r.settle()
	if r.m.Answering() || r.screen.input.send.Text != r.Text("chat.send") {
		t.Error("Esc does not stop")
	}
}

func TestKeysOfTheTranscript(t *testing.T) {
	r := newRig(t)
	r.show(usual())
	r.talk()
	r.screen.Focus()
	r.shortcut(fyne.KeyModifierControl, fyne.Key2)
	r.settle()
	if at, _ := r.m.PageWanted(); at.Page != 13 {
		t.Errorf("Ctrl+2 shows p.%d", at.Page)
	}
	end := r.screen.transcript.roll.Offset()
	r.shortcut(fyne.KeyModifierControl, fyne.KeyUp)
	if up := r.screen.transcript.roll.Offset(); up >= end {
		t.Errorf("Ctrl+Up goes from %v to %v", end, up)
	}
	for range 6 {
		r.shortcut(fyne.KeyModifierControl, fyne.KeyDown)
	}
	if got := r.screen.transcript.roll.Offset(); got != end {
		t.Errorf("Ctrl+Down ends at %v, not %v", got, end)
	}
	r.window.Canvas().Focused().(fyne.Shortcutable).TypedShortcut(&fyne.ShortcutCopy{Clipboard: fyne.CurrentApp().Clipboard()})
	if r.clipboard != "入社から6か月後に10日付与されます。繰り越しは翌年度までです。申請は上長に行います。" {
		t.Errorf("copied %q", r.clipboard)
	}
	r.shortcut(fyne.KeyModifierControl, fyne.KeyE)
	if f := r.screen.input.field; f.Text != r.m.open.Path[3].Question || r.window.Canvas().Focused() != fyne.Focusable(f) {
		t.Errorf("Ctrl+E edits %q", f.Text)
	}
	test.Type(r.screen.input.field, "追加")
	r.key(fyne.KeyReturn)
	r.settle()
	if last := r.talks.asks[len(r.talks.asks)-1]; last.Parent != r.m.open.Path[2].ID || !strings.HasSuffix(last.Question, "追加") {
		t.Errorf("the edited question: %+v", last)
	}
	rows := len(r.m.Rows())
	r.shortcut(fyne.KeyModifierControl, fyne.KeyR)
	r.settle()
	if foot := r.m.Rows()[rows-1]; foot.Numbers != 2 {
		t.Errorf("Ctrl+R: %+v", foot)
	}
	r.shortcut(fyne.KeyModifierControl, fyne.KeyN)
	if r.m.OpenID() != "" {
		t.Error("Ctrl+N begins no conversation")
	}
}

// The editor of a wrong answer, without the mouse.
func TestWrongByKeyboard(t *testing.T) {
	r := newRig(t)
	r.show(usual())
	r.talk()
	r.screen.Focus()
	r.shortcut(fyne.KeyModifierControl|fyne.KeyModifierShift, fyne.KeyW)
	r.settle()
	test.Type(r.window.Canvas().Focused(), "20日です。")
	for range 12 { // to the button that saves
		if b, ok := r.window.Canvas().Focused().(*widget.Button); ok && b.Text == r.Text("chat.correct.save") {
			break
		}
		r.window.Canvas().FocusNext()
	}
	r.key(fyne.KeyReturn)
	r.settle()
	if len(r.talks.kept) != 1 || r.talks.kept[0].Answer != "20日です。" {
		t.Fatalf("kept: %+v, errors %v", r.talks.kept, r.errors)
	}
	if r.window.Canvas().Focused() != fyne.Focusable(r.screen.input.field) {
		t.Error("the keyboard is not back in the field")
	}
	// Esc leaves it, and the answer stays marked.
	r.shortcut(fyne.KeyModifierControl|fyne.KeyModifierShift, fyne.KeyW)
	r.settle()
	r.key(fyne.KeyEscape)
	if r.window.Canvas().Overlays().Top() != nil {
		t.Error("Esc does not close the editor")
	}
}

func TestRenameByKeyboard(t *testing.T) {
	r := newRig(t)
	r.show(usual())
	r.ask("古い名前")
	r.screen.rename()
	field := r.window.Canvas().Focused()
	test.Type(field, "、新")
	r.key(fyne.KeyReturn)
	r.settle()
	if got := r.m.Title(); !strings.Contains(got, "、新") {
		t.Errorf("title: %q", got)
	}
}

// Every button and field of the screen comes up when Tab is pressed again and again.
func TestTabReachesEverything(t *testing.T) {
	r := newRig(t)
	r.show(usual())
	r.talk()
	r.screen.Focus()
	seen := map[fyne.Focusable]bool{}
	for range 80 {
		r.window.Canvas().FocusNext()
		if f := r.window.Canvas().Focused(); f != nil {
			seen[f] = true
		}
	}
	for _, want := range []fyne.Focusable{r.screen.list.search, r.screen.list.list, r.screen.list.more, r.screen.input.field, r.screen.input.mode, r.screen.sources.open, r.screen.sources.page} {
		if !seen[want] {
			t.Errorf("Tab never reaches %T", want)
		}
	}
}

func TestPasteIsCut(t *testing.T) {
	r := newRig(t)
	r.show(usual())
	r.screen.Focus()
	field := r.screen.input.field
	field.TypedShortcut(&fyne.ShortcutPaste{Clipboard: fixedClipboard(strings.Repeat("あ", MaxQuestion+500))})
	if n := len([]rune(field.Text)); n != MaxQuestion || len(r.toasts) != 1 {
		t.Errorf("%d characters, said %q", n, r.toasts)
	}
}

func TestArrangementIsRemembered(t *testing.T) {
	r := newRig(t)
	r.show(usual())
	r.ask("質問")
	r.screen.left.SetOffset(0.3)
	raw := r.screen.State()
	again := New(r.screen.p)
	again.SetState(raw)
	again.Build()
	if again.left.Offset != 0.3 {
		t.Errorf("offset %v", again.left.Offset)
	}
	again.Shown()
	r.settle()
	if again.m.OpenID() != r.m.OpenID() {
		t.Errorf("open: %q, was %q", again.m.OpenID(), r.m.OpenID())
	}
	again.SetState([]byte("{"))
	again.SetState([]byte(`{"left":7}`))
	if again.left.Offset != 0.3 {
		t.Errorf("after broken states: %v", again.left.Offset)
	}
}

func TestGoToAConversation(t *testing.T) {
	r := newRig(t)
	r.show(usual())
	r.ask("一つ目")
	id := r.m.OpenID()
	r.m.New()
	if !r.screen.Go(place.Conversation{ID: id}) {
		t.Fatal("not mine")
	}
	r.settle()
	if r.m.OpenID() != id {
		t.Error("not shown")
	}
	if r.screen.Go(place.Documents) || r.screen.Drop([]string{"x"}) {
		t.Error("takes what is not its own")
	}
}
