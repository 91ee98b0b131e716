package settings

import (
	"context"
	"strconv"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core/closed"
	"kakoi/resources"
	"kakoi/ui/widget"
)

// host is what the model needs of the window.
type host interface {
	Text(key string, args ...any) string
	Lang() string
	Collection() string
	Post(f func())
	Go(work func(ctx context.Context))
	ShowError(err error)
	Toast(text string)
	Confirm(q widget.Question)
}

// The groups, in their order.
const (
	groupGeneral   = "general"
	groupAnswers   = "answers"
	groupEngine    = "engine"
	groupReading   = "reading"
	groupPrompts   = "prompts"
	groupLibrary   = "library"
	groupSecurity  = "security"
	groupBackups   = "backups"
	groupClosed    = "closed"
	groupShortcuts = "shortcuts"
	groupLicences  = "licences"
)

var groups = []string{groupGeneral, groupAnswers, groupEngine, groupReading, groupPrompts, groupLibrary, groupSecurity, groupBackups, groupClosed, groupShortcuts, groupLicences}

// fields of the groups that consist of settings.
var fields = map[string][]string{
	groupGeneral:  {"language", "theme", "text_size", "strict"},
	groupAnswers:  {"preset", "refusal", "top", "neighbours", "rerank", "evidence", "temperature", "max_new_tokens", "enter_sends"},
	groupEngine:   {"device", "dtype", "threads", "engine_files"},
	groupReading:  {"splitter"},
	groupSecurity: {"lock_after"},
	groupBackups:  {"backup_daily", "backup_keep", "backup_folder"},
}

// textSizes that are offered.
var textSizes = []string{"80", "90", "100", "110", "125", "150", "175", "200"}

// store is where settings are kept and take effect: app.Models.
type store interface {
	Configure(change func(*settings.Settings)) error
}

// reader gives the settings as they are now: settings.File.
type reader interface{ Get() settings.Settings }

// doctor is app.Doctor.
type doctor interface {
	Places(ctx context.Context) (app.Places, error)
	CheckLibrary(ctx context.Context, listen func(job.State)) (app.LibraryHealth, error)
	EngineProof(ctx context.Context) (closed.Proof, error)
}

// prompts is app.Prompts.
type prompts interface {
	Text(lang string) (text string, own bool, err error)
	Check(lang, text string) error
	Save(lang, text string) error
	Reset(lang string) error
}

// previewer is app.Chat.
type previewer interface {
	Preview(ctx context.Context, lang, text, collection, question string) (string, error)
}

// model is the screen without widgets. All of it belongs to the window's goroutine.
type model struct {
	host    host
	now     reader
	store   store
	library library // nil: there are no documents to split anew
	doctor  doctor
	prompts prompts
	chat    previewer
	own     closed.Proof // of this process
	changed func()       // redraws

	group string
	wrong map[string]error // by field: what a person wrote cannot be

	templates   map[string]*template // by language
	places      *app.Places          // nil: not measured yet
	health      *app.LibraryHealth   // of the last check
	check       *checking            // nil: none runs
	vault       Passphrase           // nil: no passphrase can be set
	keeper      keeper               // nil: no backups
	past        past
	mender      mender
	keeping     keeping
	capsules    capsules // nil: none can be made or opened
	linker      linker
	daily       daily              // nil: none are made
	kept        *app.BackupsStatus // nil: not looked at yet
	keptErr     error
	keyed       func(pass []byte) keeper // the same with a passphrase for what it reads
	collections []string                 // of the library; nil: not known yet
	engine      *closed.Proof            // nil: not asked yet
	engineErr   error
	asking      bool // the engine is being asked
	planning    bool // what another splitter costs is being measured
}

// checking is a check of the library that runs.
type checking struct {
	state  job.State
	cancel context.CancelFunc
}

// value of a field, as it is shown: "" stands for what is left to the preset or the machine.
func (m *model) value(key string) string {
	f, _ := settings.FieldOf(key)
	v := m.current(key)
	if f.Preset != "" && v == f.Preset {
		return ""
	}
	return v
}

// current is the value of a field as it is kept.
func (m *model) current(key string) string {
	f, _ := settings.FieldOf(key)
	return f.Value(m.now.Get())
}

// set changes a field to what a person wrote, or keeps why it cannot be.
func (m *model) set(key, text string) {
	f, ok := settings.FieldOf(key)
	if !ok {
		return
	}
	if text == "" && f.Preset != "" {
		text = f.Preset
	}
	draft := m.now.Get()
	if err := f.Set(&draft, text); err != nil {
		m.wrong[key] = err
		m.changed()
		return
	}
	delete(m.wrong, key)
	if key == "splitter" && m.library != nil {
		m.resplit(text)
		return
	}
	if err := m.store.Configure(func(s *settings.Settings) { _ = f.Set(s, text) }); err != nil { // the value is good: it is the disk
		m.host.ShowError(err)
	}
	m.changed()
}

// try says whether a text could be set, while it is being written.
func (m *model) try(key, text string) {
	f, _ := settings.FieldOf(key)
	draft := m.now.Get()
	if err := f.Set(&draft, text); err != nil && (text != "" || f.Preset == "") {
		m.wrong[key] = err
	} else {
		delete(m.wrong, key)
	}
	m.changed()
}

// reset gives a field its default back.
func (m *model) reset(key string) {
	f, _ := settings.FieldOf(key)
	m.set(key, f.Default())
}

// custom says whether a field differs from its default.
func (m *model) custom(key string) bool {
	f, _ := settings.FieldOf(key)
	return f.Value(m.now.Get()) != f.Default()
}

// problem is what is wrong with a field's text, "" when nothing is.
func (m *model) problem(key string) string {
	err := m.wrong[key]
	if err == nil {
		return ""
	}
	f, _ := settings.FieldOf(key)
	switch {
	case f.Choices != nil || key == "device" || f.Folder:
		sentence, _ := resources.ErrorText(m.host.Lang(), err)
		return sentence
	case f.Fraction:
		return m.host.Text("settings.wrong.fraction", f.Least, f.Most)
	}
	return m.host.Text("settings.wrong.whole", int(f.Least), int(f.Most))
}

// options of a field that is chosen from a list: values, and their names for people.
func (m *model) options(key string) (values, names []string) {
	f, _ := settings.FieldOf(key)
	current := f.Value(m.now.Get())
	switch key {
	case "device":
		values = []string{"auto", "cpu", "cuda"}
	case "text_size":
		values = textSizes
	default:
		values = f.Choices
	}
	known := false
	for _, v := range values {
		known = known || v == current
	}
	if !known {
		values = append([]string{current}, values...)
	}
	for _, v := range values {
		names = append(names, m.name(key, v))
	}
	return values, names
}

// name of a value for people.
func (m *model) name(key, value string) string {
	if key == "text_size" {
		return value + " %"
	}
	word := value
	if word == "" {
		word = "none"
	}
	id := "settings.value." + key + "." + word
	if _, ok := resources.Text(m.host.Lang(), id); ok {
		return m.host.Text(id)
	}
	return value
}

// listed says whether a field is chosen from a list; the others are written.
func listed(key string) bool {
	f, _ := settings.FieldOf(key)
	return f.Choices != nil || key == "device" || key == "text_size"
}

// hint is what an empty field means now.
func (m *model) hint(key string) string {
	top, temperature, maxNew, err := app.PresetValues(m.now.Get().Preset)
	if err != nil {
		return ""
	}
	switch key {
	case "backup_keep":
		f, _ := settings.FieldOf(key)
		return f.Default()
	case "backup_folder":
		return m.host.Text("settings.daily.here")
	case "top":
		return m.host.Text("settings.preset.value", strconv.Itoa(top))
	case "temperature":
		return m.host.Text("settings.preset.value", strconv.FormatFloat(temperature, 'g', -1, 64))
	case "max_new_tokens":
		return m.host.Text("settings.preset.value", strconv.Itoa(maxNew))
	}
	return m.host.Text("settings.auto")
}
