package settings

import (
	"context"

	"fyne.io/fyne/v2"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/lock"
	"kakoi/ui/widget"
)

// guard is what the group of the passphrase needs of the window besides.
type guard interface {
	Protect(pass []byte, then func(error))
	Unprotect(pass []byte, then func(error))
	Lock()
	SecretKeys() widget.SecretKeys
}

// securityGroup shows the passphrase that keeps the library, or that there is none.
func (s *Screen) securityGroup() (parts []fyne.CanvasObject, update func()) {
	window, ok := s.shell.(guard)
	if !ok || s.m.vault == nil {
		return []fyne.CanvasObject{s.prose(s.ink.body, widget.Run{Text: s.shell.Text("settings.security.none")})}, func() {}
	}
	t := s.shell.Text
	state := s.prose(s.ink.body)
	begin := s.button("settings.security.set", func() { s.setPassphrase(window) })
	begin.Importance = fynewidget.HighImportance
	now := s.button("lock.now", window.Lock)
	change := s.button("settings.security.change", func() { s.changePassphrase(window) })
	code := s.button("settings.security.code", func() { s.recoveryCode(window) })
	forget := s.button("settings.security.uncode", func() { s.forgetCode(window) })
	remove := s.button("settings.security.remove", func() { s.removePassphrase(window) })
	buttons := widget.NewFlow(6, begin, now, change, code, forget, remove)
	head := widget.NewColumn(6, s.title("settings.security.title"), state, buttons, s.about(t("settings.security.about")), s.about(t("settings.security.not")))
	idle, updateIdle := s.field("lock_after")
	return []fyne.CanvasObject{head, idle}, func() {
		kept := s.m.vault.Protected()
		color := fynetheme.ColorNameForeground
		if kept {
			color = fynetheme.ColorNameSuccess
		}
		set(state, s.m.protection(), color)
		begin.Hidden = kept
		for _, b := range []*widget.Button{now, change, code, remove} {
			b.Hidden = !kept
		}
		forget.Hidden = !kept || !s.m.vault.HasRecovery()
		refresh(buttons, head)
		updateIdle()
	}
}

// form is what the dialogs of passphrases have in common.
func (s *Screen) form(window guard) lock.FormParams {
	return lock.FormParams{Text: s.shell.Text, Post: s.shell.Post, Keys: window.SecretKeys(), Least: leastPassphrase}
}

func (s *Screen) dialog(key string, form lock.FormParams, danger bool, lines []string, then func(old, pass []byte, done func(string))) {
	s.dialogAgain(key, form, danger, lines, "", then)
}

// dialogAgain is dialog that begins with what went wrong before; "" for nothing.
func (s *Screen) dialogAgain(key string, form lock.FormParams, danger bool, lines []string, problem string, then func(old, pass []byte, done func(string))) {
	lock.Dialog{
		Problem: problem,
		Canvas:  s.shell.Window().Canvas(), Title: s.shell.Text(key + ".title"), Yes: s.shell.Text(key + ".yes"), Lines: lines, Danger: danger, Form: form, Then: then,
	}.Show()
}

func (s *Screen) setPassphrase(window guard) {
	f := s.form(window)
	f.New, f.Strength = s.shell.Text("settings.security.new"), s.m.vault.Strength
	lines := append([]string{s.shell.Text("settings.security.gone"), s.shell.Text("settings.security.set.text")}, s.m.loses()...)
	s.dialog("settings.security.set", f, false, lines, func(_, pass []byte, done func(string)) {
		done("")
		window.Protect(pass, s.m.protected)
	})
}

func (s *Screen) changePassphrase(window guard) {
	f := s.form(window)
	f.Old, f.New, f.Strength = s.shell.Text("settings.security.old"), s.shell.Text("settings.security.new"), s.m.vault.Strength
	s.dialog("settings.security.change", f, false, []string{s.shell.Text("settings.security.change.text")}, func(old, pass []byte, done func(string)) {
		s.m.ask(func(ctx context.Context) error { return s.m.vault.Change(ctx, old, pass) }, done, func() {
			s.shell.Toast(s.shell.Text("settings.security.change.done"))
		})
	})
}

func (s *Screen) removePassphrase(window guard) {
	f := s.form(window)
	f.Old = s.shell.Text("settings.security.old")
	s.dialog("settings.security.remove", f, true, []string{s.shell.Text("settings.security.remove.text")}, func(old, _ []byte, done func(string)) {
		done("")
		window.Unprotect(old, s.m.unprotected)
	})
}

// recoveryCode makes a code and shows it, once.
func (s *Screen) recoveryCode(window guard) {
	f := s.form(window)
	f.Old = s.shell.Text("settings.security.old")
	s.dialog("settings.security.code", f, false, []string{s.shell.Text("settings.security.code.text")}, func(old, _ []byte, done func(string)) {
		var code string
		s.m.ask(func(ctx context.Context) (err error) {
			code, err = s.m.vault.AddRecovery(ctx, old)
			return err
		}, done, func() { s.showCode(code) })
	})
}

func (s *Screen) forgetCode(window guard) {
	f := s.form(window)
	f.Old = s.shell.Text("settings.security.old")
	s.dialog("settings.security.uncode", f, true, []string{s.shell.Text("settings.security.uncode.text")}, func(old, _ []byte, done func(string)) {
		s.m.ask(func(ctx context.Context) error { return s.m.vault.RemoveRecovery(ctx, old) }, done, func() {})
	})
}

// showCode shows a recovery code until it is closed: to be written down, which is why it is large, or copied.
func (s *Screen) showCode(code string) {
	var panel *widget.Panel
	label := fynewidget.NewLabelWithStyle(code, fyne.TextAlignCenter, fyne.TextStyle{Monospace: true})
	label.Wrapping, label.Selectable = fyne.TextWrapWord, true
	label.SizeName = fynetheme.SizeNameSubHeadingText
	end := widget.NewButton(s.shell.Text("settings.security.code.kept"), nil, func() { panel.Close() })
	copied := widget.NewButton(s.shell.Text("settings.copy"), fynetheme.ContentCopyIcon(), func() { s.shell.Clipboard(code) })
	content := widget.NewInset(4, 2, 8, 2, nil, widget.NewColumn(10, s.prose(s.ink.body, widget.Run{Text: s.shell.Text("settings.security.code.show")}), label))
	panel = widget.ShowPanel(widget.PanelParams{
		Canvas: s.shell.Window().Canvas(), Title: s.shell.Text("settings.security.code.title"), Buttons: []*widget.Button{copied, end}, Focus: end,
		Content: widget.NewSheet(0, content), Size: fyne.NewSize(560*s.ink.scale, 210*s.ink.scale),
	})
	panel.OnClosed = func() { label.SetText("") }
}
