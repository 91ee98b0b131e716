package ui

import (
	"log/slog"
	"path/filepath"

	fynetheme "fyne.io/fyne/v2/theme"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/resources"
	"kakoi/ui/chat"
	"kakoi/ui/help"
	"kakoi/ui/library"
	"kakoi/ui/models"
	"kakoi/ui/place"
	uisettings "kakoi/ui/settings"
	"kakoi/ui/training"
	"kakoi/ui/welcome"
	"kakoi/ui/widget"
)

// makeScreens puts the screens together, in the order of the rail.
func (s *Shell) makeScreens() {
	v := s.services
	documents := library.Params{
		Shell: s, Library: v.Library, Folders: v.Folders, Pages: v.Pages, Quotes: v.Conversations, Bus: v.Bus, Samples: resources.Samples, SamplesDir: filepath.Join(s.p.Data, "samples"),
		Repairs: app.Keep{Data: s.p.Data},
	}
	if v.Backups != nil { // else the screen would have an interface that holds nil
		documents.Backups = v.Backups
	}
	s.documents = library.New(documents)
	s.entries = []*entry{
		{name: place.Chat, icon: chatIcon, screen: chat.New(chat.Params{
			Shell: s, Conversations: v.Conversations, Models: v.Models, Adapters: v.Adapters, Receipts: &app.Receipts{Conversations: v.Conversations}, Refusing: v.Chat, Library: v.Library, Pages: v.Pages, Bus: v.Bus, Samples: s.addSamples,
		})},
		{name: place.Documents, icon: fynetheme.DocumentIcon(), screen: s.documents},
		{name: place.Training, icon: trainingIcon, screen: training.New(training.Params{
			Shell: s, Datasets: v.Datasets, Training: v.Training, Adapters: v.Adapters, Exams: v.Exams, Models: v.Models, Bus: v.Bus,
		})},
		{name: place.Models, icon: fynetheme.ComputerIcon(), screen: models.New(models.Params{Shell: s, Models: v.Models, Library: v.Library, Adapters: v.Adapters, Exams: v.Exams, Training: v.Training, Packs: v.Packs, Bus: v.Bus})},
		{name: place.Settings, icon: fynetheme.SettingsIcon(), screen: uisettings.New(uisettings.Params{
			Shell: s, Settings: v.Settings, Models: v.Models, Library: v.Library, Chat: v.Chat, Prompts: v.Prompts, Doctor: s.doctor(), Backup: v.Backup, Backups: v.Backups, Capsule: v.Capsule, Vault: s.keeper(), Proof: s.p.Proof, Shortcuts: s.groups, Bus: v.Bus,
		})},
		{name: place.Help, icon: fynetheme.HelpIcon(), screen: help.New(help.Params{Shell: s, Shortcuts: s.groups})},
	}
}

// addSamples adds the sample collection, whichever screen is shown.
func (s *Shell) addSamples() {
	s.entry(place.Documents).view()
	s.documents.AddSamples()
}

// keeper is the passphrase as the settings need it; nil where none can be set.
func (s *Shell) keeper() uisettings.Passphrase {
	if s.p.Vault == nil {
		return nil
	}
	return s.p.Vault
}

// doctor speaks the window's language, also after that was changed.
func (s *Shell) doctor() *app.Doctor {
	d := *s.services.Doctor
	d.Text = func(key string) string { return s.Text(key) }
	d.Explain = func(err error) string {
		sentence, _ := resources.ErrorText(s.Lang(), err)
		return sentence
	}
	return &d
}

// groups are all shortcuts for the help, those of the whole window first.
func (s *Shell) groups() []widget.ShortcutGroup {
	groups := []widget.ShortcutGroup{{Title: "ui.shortcut.window", Shortcuts: s.own()}}
	for _, e := range s.entries {
		if k, ok := e.screen.(keyed); ok {
			groups = append(groups, widget.ShortcutGroup{Title: "ui.screen." + string(e.name), Shortcuts: k.Shortcuts()})
		}
	}
	return groups
}

// welcome is what a new data folder shows first. What is chosen there is set at once.
func (s *Shell) welcome() {
	if s.greeting == nil {
		s.greeting = welcome.New(welcome.Params{
			Shell: s, DataDir: s.p.Data, TextSize: s.look.percent, Theme: s.look.mode,
			SetLanguage: func(language string) { s.set(func(set *settings.Settings) { set.Language = language }) },
			SetTextSize: func(percent int) { s.set(func(set *settings.Settings) { set.TextSize = percent }) },
			SetTheme:    func(name string) { s.set(func(set *settings.Settings) { set.Theme = name }) },
			Guarded:     s.guarded(), Protect: s.welcomeGuard, Keys: s.SecretKeys(), Strength: s.strength(),
			AddSamples: s.addSamples, AddPaths: s.addPaths,
			Done: func() {
				s.state.Welcomed = true
				s.show(place.Chat)
				s.remember()
				if err := s.state.save(s.p.Data, s.sealer()); err != nil { // a crash before the end does not bring the welcome back
					slog.Warn("window state", "error", err)
				}
			},
		})
	}
	s.greets = true
	s.frame.put(s.greeting.Build())
	s.greeting.Focus()
}

// guarded says for the welcome whether a passphrase keeps the library; nil where none can be set.
func (s *Shell) guarded() func() bool {
	if s.p.Vault == nil {
		return nil
	}
	return s.protected
}

func (s *Shell) strength() func([]byte) string {
	if s.p.Vault == nil {
		return nil
	}
	return s.p.Vault.Strength
}

// welcomeGuard sets a passphrase on a person's way through the welcome, which goes on afterwards.
func (s *Shell) welcomeGuard(pass []byte) { s.Protect(pass, s.ShowError) }

// set changes the settings; the news of it comes back through the bus.
func (s *Shell) set(change func(*settings.Settings)) {
	if err := s.services.Settings.Update(change); err != nil {
		s.ShowError(err)
	}
}
