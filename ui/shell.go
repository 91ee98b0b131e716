package ui

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/resources"
	"kakoi/ui/library"
	"kakoi/ui/place"
	"kakoi/ui/theme"
	"kakoi/ui/welcome"
	"kakoi/ui/widget"
)

// Shell is the window as its screens see it. Its fields belong to the window's goroutine.
type Shell struct {
	p      Params
	app    fyne.App
	window fyne.Window
	fonts  theme.Fonts
	post   func(func()) // fyne.Do; a test has a queue of its own
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup // what goes on whether or not the library is open

	mu      sync.Mutex
	look    look     // read from any goroutine
	session *session // that of the open library, or of the next one
	lock    locking

	state         state
	services      *Services // nil until the data folder is open
	opened        *Services // the same, a moment earlier
	failed        error
	subscriptions []func()
	collection    string
	entries       []*entry
	registered    []widget.Shortcut
	current       place.Screen
	frame         *frame
	notices       *notices
	strip         *strip
	palette       *paletteView
	again         bool          // the program starts again after the end
	leaving       *widget.Panel // the question before the end; nil: it is not asked
	probe         *probe        // nil: nobody measures
	documents     *library.Screen
	greeting      *welcome.Screen
	greets        bool // greeting is in the middle, not a screen
}

// look is what makes every screen be built anew.
type look struct {
	language string
	mode     string
	percent  int
}

func lookOf(s settings.Settings, environment string) look {
	l := look{s.Language, s.Theme, s.TextSize}
	if l.language == "" {
		l.language = environment
	}
	return l
}

func newShell(ctx context.Context, p Params) *Shell {
	s := &Shell{p: p, app: p.App, post: fyne.Do, fonts: theme.LoadFonts(p.Fonts), look: lookOf(p.Look, p.Language)}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.session = newSession(s.ctx)
	var err error
	if s.state, err = loadState(p.Data); err != nil {
		slog.Warn("window state", "error", err)
	}
	s.current, s.collection = s.state.Screen, s.state.Collection
	speak(s.look.language)
	s.app.Settings().SetTheme(theme.New(s.look.mode, s.look.percent, s.fonts))
	s.window = s.app.NewWindow("Kakoi")
	s.window.SetMaster()
	s.window.SetPadded(false)
	s.window.SetCloseIntercept(s.asked)
	s.window.SetOnDropped(func(_ fyne.Position, uris []fyne.URI) { s.dropped(uris) })
	s.notices = newNotices(s)
	s.strip = newStrip(s)
	s.frame = newFrame(s)
	s.registerShortcuts()
	if p.Vault != nil {
		p.Vault.OnClose(s.closed)
	}
	return s
}

// start begins the window's life with an open data folder.
func (s *Shell) start() {
	if by := s.sealer(); by != nil {
		s.unsealState(by)
	}
	s.takeLook()
	s.makeScreens()
	for _, e := range s.entries {
		if raw, ok := s.state.Screens[e.name]; ok {
			if k, ok := e.screen.(keeper); ok {
				k.SetState(raw)
			}
		}
	}
	s.subscriptions = append(s.subscriptions, s.services.Bus.Subscribe(func(t app.Topic) { s.Post(func() { s.heard(t) }) }))
	s.followDesktop()
	s.Go(s.giveBack)
	s.strip.start()
	s.frame.open()
	s.giveTyped()
}

// unsealState takes over how the window was left, and leaves nothing of it in the open.
func (s *Shell) unsealState(by sealer) {
	err := s.state.unseal(s.p.Data, by)
	if err == nil {
		s.current, s.collection = s.state.Screen, s.state.Collection
		err = s.state.save(s.p.Data, by)
	}
	if err != nil {
		slog.Warn("window state", "error", err)
	}
}

// heard follows changes made on any face of the program.
func (s *Shell) heard(t app.Topic) {
	if s.services == nil {
		return // it was on its way when the library closed
	}
	s.probe.mark(Heard + string(t))
	switch t {
	case app.TopicSettings:
		s.takeLook()
	case app.TopicDocuments:
		s.frame.bar.ease.run(s.frame.bar.refresh)
	case app.TopicModels:
		s.strip.poll()
	}
}

// takeLook applies language, theme and text size as they are set now.
func (s *Shell) takeLook() {
	now := lookOf(s.services.Settings.Get(), s.p.Language)
	s.mu.Lock()
	old := s.look
	s.look = now
	s.mu.Unlock()
	if now == old {
		return
	}
	speak(now.language)
	s.app.Settings().SetTheme(theme.New(now.mode, now.percent, s.fonts))
	s.rebuild() // colours too: backgrounds take theirs when they are made
}

// followDesktop builds the views anew when the desktop turns light or dark, where the theme follows it: colours are taken when a
// view is made.
func (s *Shell) followDesktop() {
	variant := s.app.Settings().ThemeVariant()
	s.app.Settings().AddListener(func(now fyne.Settings) {
		s.Post(func() {
			if now.ThemeVariant() == variant {
				return
			}
			variant = now.ThemeVariant()
			if s.look.mode == theme.System {
				s.rebuild()
			}
		})
	})
}

// rebuild makes every view anew. Whoever is typing goes on: the desktop turns dark by the clock, and a command changes a setting.
func (s *Shell) rebuild() {
	field, row, column := s.typingAt()
	for _, e := range s.entries {
		e.built = nil
	}
	if s.locked() {
		s.window.SetContent(s.lock.cover.Build())
		s.lock.cover.Focus()
		return
	}
	s.window.SetContent(s.frame.build())
	s.frame.open()
	if field < 0 {
		return
	}
	f := s.entry(s.current).screen.(typing).Fields()[field]
	if f == nil {
		return
	}
	s.window.Canvas().Focus(f)
	if c, ok := f.(careted); ok {
		c.SetCaret(row, column)
	}
}

// careted is a field with a place for the next letter.
type careted interface {
	Caret() (row, column int)
	SetCaret(row, column int)
}

// typingAt is which field of the screen has the keyboard, -1 for none of them, and where in it the next letter goes.
func (s *Shell) typingAt() (field, row, column int) {
	e := s.entry(s.current)
	if e == nil || e.built == nil || s.greets || s.locked() {
		return -1, 0, 0
	}
	t, ok := e.screen.(typing)
	f := s.window.Canvas().Focused()
	if !ok || f == nil {
		return -1, 0, 0
	}
	field = slices.Index(t.Fields(), f)
	if c, ok := f.(careted); ok && field >= 0 {
		row, column = c.Caret()
	}
	return field, row, column
}

// Text is a text in the current language.
func (s *Shell) Text(key string, args ...any) string { return resources.Format(s.Lang(), key, args...) }

// Lang is the current language, "ja" or "en".
func (s *Shell) Lang() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.look.language
}

// Post runs f on the window's goroutine, soon.
func (s *Shell) Post(f func()) {
	s.post(func() {
		f()
		s.bare()
	})
}

// Window is the window.
func (s *Shell) Window() fyne.Window { return s.window }

// Clipboard puts a text where other programs can paste it from.
func (s *Shell) Clipboard(text string) { s.app.Clipboard().SetContent(text) }

// Collection is the name of the chosen collection; "" leaves the choice to app.Library.Collection.
func (s *Shell) Collection() string { return s.collection }

// SetCollection chooses a collection for all screens.
func (s *Shell) SetCollection(name string) {
	if s.collection == name {
		return
	}
	s.collection = name
	s.frame.bar.refresh()
	s.services.Bus.Tell(app.TopicDocuments)
}

// question fills a Question from the texts key.title, key.text and key.yes.
func question(s *Shell, key string, danger bool, then func()) widget.Question {
	return widget.Question{Title: s.Text(key + ".title"), Text: s.Text(key + ".text"), Yes: s.Text(key + ".yes"), Danger: danger, Then: then}
}
