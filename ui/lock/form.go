package lock

import (
	"strings"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// FormParams say what a Form asks for.
type FormParams struct {
	Text     func(key string, args ...any) string
	Post     func(f func())
	Keys     widget.SecretKeys
	Old      string                   // what the field of a passphrase that is there already says; "": there is none
	New      string                   // what the field of a new passphrase says, which is typed twice; "": there is none
	Least    int                      // characters of a new passphrase, at least
	Strength func(pass []byte) string // "weak", "fair", "good", "strong"; nil: it is not judged
	Changed  func()                   // what is typed has changed. May be nil
	Submit   func()                   // Enter in the last field, when Ready
	Escape   func()                   // may be nil
}

// Form is the fields of a passphrase: one that is there, a new one twice, or both.
type Form struct {
	p      FormParams
	fields []*widget.Secret // in their order
	old    *widget.Secret
	pass   *widget.Secret
	again  *widget.Secret
	show   *widget.Tick
	hint   *widget.Prose
	object *widget.Box
	caps   bool
}

// NewForm makes the fields, empty, in the current text size.
func NewForm(p FormParams) *Form {
	f := &Form{p: p}
	body := widget.NewRuler(fyne.CurrentApp().Settings().Theme().Size(fynetheme.SizeNameText))
	var parts []fyne.CanvasObject
	field := func(name string) *widget.Secret {
		s := widget.NewSecret(p.Keys, p.Post)
		s.SetPlaceHolder(name)
		s.OnChanged = func(string) { f.refresh() }
		s.OnCaps = func(on bool) {
			f.caps = on
			f.refresh()
		}
		s.OnEscape = p.Escape
		at := len(f.fields)
		s.OnSubmitted = func(string) { f.enter(at) }
		f.fields = append(f.fields, s)
		parts = append(parts, s)
		return s
	}
	if p.Old != "" {
		f.old = field(p.Old)
	}
	if p.New != "" {
		f.pass, f.again = field(p.New), field(p.Text("lock.again"))
	}
	f.show = widget.NewTick(p.Text("lock.show"), func(on bool) {
		for _, s := range f.fields {
			s.Reveal(on)
		}
	})
	f.show.OnEscape = p.Escape
	f.hint = widget.NewProse(body)
	f.object = widget.NewColumn(8, append(parts, f.show, f.hint)...)
	f.refresh()
	return f
}

// Object is the view.
func (f *Form) Object() *widget.Box { return f.object }

// First is where the keyboard begins.
func (f *Form) First() fyne.Focusable { return f.fields[0] }

// enter goes on to the next field, and submits from the last.
func (f *Form) enter(at int) {
	if at+1 < len(f.fields) {
		if c := fyne.CurrentApp().Driver().CanvasForObject(f.fields[at]); c != nil {
			c.Focus(f.fields[at+1])
		}
		return
	}
	if f.Ready() && f.p.Submit != nil {
		f.p.Submit()
	}
}

// Empty says whether nothing has been typed.
func (f *Form) Empty() bool {
	for _, s := range f.fields {
		if s.Text != "" {
			return false
		}
	}
	return true
}

// Ready says whether what is typed can be taken.
func (f *Form) Ready() bool {
	return (f.old == nil || f.old.Text != "") && (f.pass == nil || f.long() && f.pass.Text == f.again.Text)
}

func (f *Form) long() bool { return len([]rune(strings.TrimSpace(f.pass.Text))) >= max(1, f.p.Least) }

// Take gives what was typed, and empties the fields; what was not asked for is nil.
func (f *Form) Take() (old, pass []byte) {
	if f.old != nil {
		old = f.old.Take()
	}
	if f.pass != nil {
		pass = f.pass.Take()
		f.again.Clear()
	}
	f.refresh()
	return old, pass
}

// Leave empties the fields and gives the keys back to the input method. Call it when the form is taken away.
func (f *Form) Leave() {
	for _, s := range f.fields {
		s.Clear()
		s.Leave()
	}
}

// says is the hint below the fields.
func (f *Form) says() (text string, name fyne.ThemeColorName) {
	t := f.p.Text
	switch {
	case f.caps:
		return t("lock.caps"), fynetheme.ColorNameWarning
	case f.pass == nil || f.pass.Text == "":
		return "", ""
	case f.again.Text != "" && !strings.HasPrefix(f.pass.Text, f.again.Text):
		return t("lock.differ"), fynetheme.ColorNameError
	case !f.long():
		return t("lock.short", f.p.Least), theme.ColorSecondary
	case f.p.Strength != nil:
		pass := []byte(f.pass.Text)
		word := f.p.Strength(pass)
		clear(pass)
		if word == "weak" {
			name = fynetheme.ColorNameError
		} else {
			name = theme.ColorSecondary
		}
		return t("vault.strength." + word), name
	}
	return "", ""
}

func (f *Form) refresh() {
	if f.object == nil {
		return
	}
	text, name := f.says()
	if text == "" {
		text = " " // keeps its line
	}
	f.hint.SetRuns([]widget.Run{{Text: text, Color: name}})
	f.object.Refresh()
	if f.p.Changed != nil {
		f.p.Changed()
	}
}

// Dialog is a Form in a panel over the window.
type Dialog struct {
	Canvas  fyne.Canvas
	Title   string
	Lines   []string // what is to be known before
	Yes     string
	Danger  bool
	Problem string     // what went wrong before, if it is asked again
	Form    FormParams // Changed, Submit and Escape are the dialog's
	// Then takes what was typed; the dialog is closed, unless it says why it could not be: then it stays, empty. done may be called later,
	// on the window's goroutine; nothing can be pressed until then.
	Then func(old, pass []byte, done func(problem string))
}

// Show opens the dialog.
func (d Dialog) Show() {
	var panel *widget.Panel
	var form *Form
	no := widget.NewButton(d.Form.Text("ui.cancel"), nil, func() { panel.Close() })
	yes := widget.NewButton(d.Yes, nil, nil)
	yes.Importance = fynewidget.HighImportance
	if d.Danger {
		yes.Importance = fynewidget.DangerImportance
	}
	busy := false
	ready := func() {
		if form != nil && form.Ready() && !busy {
			yes.Enable()
		} else {
			yes.Disable()
		}
	}
	submit := func() {
		if busy || !form.Ready() {
			return
		}
		busy = true
		panel.Say("")
		old, pass := form.Take()
		ready()
		d.Then(old, pass, func(problem string) {
			busy = false
			if problem == "" {
				panel.Close()
				return
			}
			panel.Say(problem)
			d.Canvas.Focus(form.First())
			ready()
		})
	}
	yes.OnTapped = submit
	p := d.Form
	p.Changed, p.Submit, p.Escape = ready, submit, func() { panel.Close() }
	form = NewForm(p)
	ready()
	body := widget.NewRuler(fyne.CurrentApp().Settings().Theme().Size(fynetheme.SizeNameText))
	var parts []fyne.CanvasObject
	for _, line := range d.Lines {
		parts = append(parts, widget.NewProse(body, widget.Run{Text: line}))
	}
	scale := body.Size / 14
	content := widget.NewInset(4, 2, 8, 2, nil, widget.NewColumn(10, append(parts, form.Object())...)) // the sheet cuts what goes to its edge
	w := min(520*scale, d.Canvas.Size().Width-80)
	sheet := widget.NewSheet(0, content)
	panel = widget.ShowPanel(widget.PanelParams{
		Canvas: d.Canvas, Title: d.Title, Content: sheet, Buttons: []*widget.Button{no, yes}, Focus: form.First(),
		Size: fyne.NewSize(w, content.HeightFor(w-40)+130*scale),
	})
	panel.OnClosed = form.Leave
	panel.Say(d.Problem)
}
