package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"kakoi/core"
)

// version of the file's form. A file of a later version is refused, not guessed at; in files of version 1 a Top from 3 on
// had no effect, see migrate.
const version = 2

// Settings is what a person can set. The zero value of a field is not its default: begin with Default.
type Settings struct {
	Version      int     `json:"version"`
	Language     string  `json:"language"`       // "ja", "en"; "" follows the environment
	Theme        string  `json:"theme"`          // "system", "light", "dark"
	TextSize     int     `json:"text_size"`      // percent
	EnterSends   bool    `json:"enter_sends"`    // a question; otherwise Ctrl+Enter alone
	Embedder     string  `json:"embedder"`       // name of a model
	ChatModel    string  `json:"chat_model"`     // name of a model
	Reranker     string  `json:"reranker"`       // name of a model; "" is none
	Neighbours   int     `json:"neighbours"`     // passages before and behind each that go into a prompt with room
	Rerank       int     `json:"rerank"`         // passages that it orders; 0 turns it off
	Evidence     string  `json:"evidence"`       // "on": where the answer stands is sought by the model that came with the program; "off"
	Splitter     string  `json:"splitter"`       // "recommended", "techlab"
	Preset       string  `json:"preset"`         // "recommended", "techlab"
	Top          int     `json:"top"`            // passages at most for an answer; 0 is the preset's
	Temperature  float64 `json:"temperature"`    // -1 is the preset's
	MaxNewTokens int     `json:"max_new_tokens"` // 0 is the preset's
	Refusal      string  `json:"refusal"`        // "balanced", "careful", "helpful", "off": which bound of the model's; the preset "techlab" has none
	Device       string  `json:"device"`         // "auto", "cpu", "cuda:0"
	DType        string  `json:"dtype"`          // "auto", "nf4", "fp32", "bf16", "fp16"
	Threads      int     `json:"threads"`        // of the engine; 0 is all cores
	EngineFiles  string  `json:"engine_files"`   // "closed": the engine reaches models and runs alone, where the kernel can do that; "open"
	BackupDaily  bool    `json:"backup_daily"`   // a backup each day
	BackupKeep   int     `json:"backup_keep"`    // how many of them are kept
	BackupFolder string  `json:"backup_folder"`  // where they lie; "" is in the data folder
	Strict       bool    `json:"strict"`         // the window speaks to nothing of the desktop but its display
	LockAfter    int     `json:"lock_after"`     // minutes in which nobody is at the window until it locks, where a passphrase keeps the library; 0 is never
}

// Names of the models that come with the program; every installation has the first two.
const (
	StarterModel    = "starter"
	StarterEmbedder = "multilingual-e5-small"
	EvidenceModel   = "evidence" // may be missing
)

// TECHLab is the preset of the published recipe.
const TECHLab = "techlab"

// What can be chosen, the default first.
var (
	Splitters   = []string{"recommended", TECHLab}
	Presets     = []string{"recommended", TECHLab}
	Refusals    = []string{"balanced", "careful", "helpful", "off"}
	Languages   = []string{"", "ja", "en"}
	Themes      = []string{"system", "light", "dark"}
	EngineFiles = []string{"closed", "open"}
	DTypes      = []string{"auto", "nf4", "fp32", "bf16", "fp16"}
	Evidences   = []string{"on", "off"}
	LockAfter   = []string{"0", "1", "5", "15", "30", "60"}
)

// Default is what a fresh installation has.
func Default() Settings {
	return Settings{
		Version: version, Theme: Themes[0], TextSize: 100, EnterSends: true, Embedder: StarterEmbedder, ChatModel: StarterModel,
		Splitter: Splitters[0], Preset: Presets[0], Refusal: Refusals[0], Temperature: -1, Rerank: 20, Evidence: Evidences[0], Device: "auto", DType: DTypes[0], BackupDaily: true, BackupKeep: 3, EngineFiles: EngineFiles[0], LockAfter: 15,
	}
}

// Validate returns an explained core.ErrUsage that names the first wrong field.
func (s Settings) Validate() error {
	switch {
	case s.Version != version:
		return wrong("version", s.Version)
	case !ValidModelName(s.Embedder):
		return wrong("embedder", s.Embedder)
	case !ValidModelName(s.ChatModel):
		return wrong("chat_model", s.ChatModel)
	case s.Reranker != "" && !ValidModelName(s.Reranker):
		return wrong("reranker", s.Reranker)
	}
	for _, f := range Fields {
		if !f.allows(f.Value(s)) {
			return wrong(f.Key, f.Value(s))
		}
	}
	return nil
}

func wrong(field string, value any) error {
	return core.Explain(fmt.Errorf("setting %s is %v: %w", field, value, core.ErrUsage), "error.settings.value", field, fmt.Sprint(value))
}

func validDevice(d string) bool {
	if d == "auto" || d == "cpu" || d == "cuda" {
		return true
	}
	n, ok := strings.CutPrefix(d, "cuda:")
	return ok && len(n) > 0 && len(n) < 3 && strings.Trim(n, "0123456789") == ""
}

// ValidModelName says whether a model can be called so: it is the name of a folder.
func ValidModelName(name string) bool {
	if name == "" || len(name) > 100 || name[0] == '.' || name[0] == '-' {
		return false
	}
	for _, r := range name {
		if r < ' ' || r == '/' || r == '\\' || r == 0x7f {
			return false
		}
	}
	return true
}

// Load reads the file; without one it returns Default. Fields that the file does not have keep their defaults, and those that
// nobody reads (the prompt of early files) are passed over.
func Load(path string) (Settings, error) {
	s := Default()
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read settings: %w", err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return Default(), core.Explain(fmt.Errorf("parse settings %s: %w: %w", path, core.ErrCorrupt, err), "error.settings.broken", path)
	}
	s.migrate()
	if err := s.Validate(); err != nil {
		return Default(), err
	}
	return s, nil
}

// migrate brings what an earlier version wrote to this one.
func (s *Settings) migrate() {
	if s.Version != 1 {
		return
	}
	s.Version = version
	if s.Top >= 3 { // every file had 5, and the preset's 3 held
		s.Top = 0
	}
}

// Save writes the file so that a reader sees the old or the new one, never a part.
func Save(path string, s Settings) error {
	if err := s.Validate(); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".settings-*")
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	defer os.Remove(f.Name()) // a no-op after the rename
	_, err = f.Write(append(raw, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return nil
}

// File is the settings of one data folder. It is safe for concurrent use.
type File struct {
	path string

	mu       sync.Mutex
	now      Settings
	watchers []*watcher
}

type watcher struct{ hear func(old, now Settings) }

// Open loads the file at path, see Load.
func Open(path string) (*File, error) {
	s, err := Load(path)
	if err != nil {
		return nil, err
	}
	return &File{path: path, now: s}, nil
}

// Get is what is set now.
func (f *File) Get() Settings {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Update changes settings and saves them; on an error nothing changes. A folder of backups in the data folder, where the file lies, is core.ErrUsage: what is removed for
// good would stay in it.
func (f *File) Update(change func(*Settings)) error {
	f.mu.Lock()
	old := f.now
	s := f.now
	change(&s)
	if s == old {
		f.mu.Unlock()
		return nil
	}
	var err error
	if folder := s.BackupFolder; folder != "" && folder != old.BackupFolder && Inside(filepath.Dir(f.path), folder) {
		err = core.Explain(fmt.Errorf("folder of backups %s: %w", folder, core.ErrUsage), "error.backup.inside")
	}
	if err == nil {
		err = Save(f.path, s)
	}
	if err != nil {
		f.mu.Unlock()
		return err
	}
	f.now = s
	watchers := f.watchers
	f.mu.Unlock()
	for _, w := range watchers {
		w.hear(old, s)
	}
	return nil
}

// Watch calls hear after each change, from the goroutine of the change, until stop. hear must return soon.
func (f *File) Watch(hear func(old, now Settings)) (stop func()) {
	w := &watcher{hear}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = append(slices.Clone(f.watchers), w)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.watchers = slices.DeleteFunc(slices.Clone(f.watchers), func(other *watcher) bool { return other == w })
	}
}
