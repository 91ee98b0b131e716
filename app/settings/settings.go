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

// version of the file's form. A file of a later version is refused, not guessed at.
const version = 1

// Settings is what a person can set. The zero value of a field is not its default: begin with Default.
type Settings struct {
	Version   int    `json:"version"`
	Embedder  string `json:"embedder"`   // name of a model
	ChatModel string `json:"chat_model"` // name of a model
	Splitter  string `json:"splitter"`   // "recommended", "techlab"
	Top       int    `json:"top"`        // passages at most for an answer
	Device    string `json:"device"`     // "auto", "cpu", "cuda:0"
	DType     string `json:"dtype"`      // "auto", "fp32", "bf16", "fp16"
	Threads   int    `json:"threads"`    // of the engine; 0 is all cores
}

// Names of the two models every installation has.
const (
	StarterModel    = "starter"
	StarterEmbedder = "multilingual-e5-small"
)

// Splitters by name, the default first.
var Splitters = []string{"recommended", "techlab"}

// Default is what a fresh installation has.
func Default() Settings {
	return Settings{
		Version: version, Embedder: StarterEmbedder, ChatModel: StarterModel,
		Splitter: Splitters[0], Top: 5, Device: "auto", DType: "auto",
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
	case !slices.Contains(Splitters, s.Splitter):
		return wrong("splitter", s.Splitter)
	case s.Top < 1 || s.Top > 100:
		return wrong("top", s.Top)
	case !validDevice(s.Device):
		return wrong("device", s.Device)
	case !slices.Contains([]string{"auto", "fp32", "bf16", "fp16"}, s.DType):
		return wrong("dtype", s.DType)
	case s.Threads < 0 || s.Threads > 1024:
		return wrong("threads", s.Threads)
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
// nobody reads (the language and prompt of early files) are passed over.
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
	if err := s.Validate(); err != nil {
		return Default(), err
	}
	return s, nil
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
	mu   sync.Mutex
	now  Settings
}

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

// Update changes settings and saves them; on an error nothing changes.
func (f *File) Update(change func(*Settings)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.now
	change(&s)
	if err := Save(f.path, s); err != nil {
		return err
	}
	f.now = s
	return nil
}
