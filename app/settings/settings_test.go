package settings

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core"
)

func TestLoadWithoutFile(t *testing.T) {
	s, err := Load(filepath.Join(t.TempDir(), "settings.json"))
	if err != nil || s != Default() {
		t.Errorf("settings %+v, error %v, want the defaults", s, err)
	}
	if err := s.Validate(); err != nil {
		t.Errorf("the defaults are not valid: %v", err)
	}
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	want := Default()
	want.Embedder, want.Top, want.Threads = "all-MiniLM-L6-v2", 7, 2
	if err := Save(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil || got != want {
		t.Errorf("settings %+v, error %v, want %+v", got, err, want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file mode is %v, want 0600", info.Mode().Perm())
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(names) != 1 {
		t.Errorf("files left: %v", names)
	}
}

func TestMissingFieldsKeepDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(path, []byte(`{"version":1,"language":"ja","prompt":"","top":3}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(path)
	if err != nil || s.Top != 3 || s.ChatModel != StarterModel {
		t.Errorf("settings %+v, error %v", s, err)
	}
}

func TestWrongFiles(t *testing.T) {
	for text, want := range map[string]error{
		`{`:                               core.ErrCorrupt,
		`{"version":2}`:                   core.ErrUsage,
		`{"version":1,"embedder":"../x"}`: core.ErrUsage,
		`{"version":1,"chat_model":""}`:   core.ErrUsage,
		`{"version":1,"splitter":"x"}`:    core.ErrUsage,
		`{"version":1,"top":0}`:           core.ErrUsage,
		`{"version":1,"device":"cuda:x"}`: core.ErrUsage,
		`{"version":1,"dtype":"int3"}`:    core.ErrUsage,
		`{"version":1,"threads":-1}`:      core.ErrUsage,
	} {
		path := filepath.Join(t.TempDir(), "settings.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(path)
		var user *core.UserError
		if !errors.Is(err, want) || !errors.As(err, &user) {
			t.Errorf("%s: error is %v, want an explained %v", text, err, want)
		}
		if s != Default() {
			t.Errorf("%s: settings are not the defaults", text)
		}
	}
}

func TestUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Update(func(s *Settings) { s.ChatModel = "mine" }); err != nil {
		t.Fatal(err)
	}
	if err := f.Update(func(s *Settings) { s.Top = -1 }); !errors.Is(err, core.ErrUsage) {
		t.Errorf("error is %v, want core.ErrUsage", err)
	}
	again, err := Load(path)
	if err != nil || again.ChatModel != "mine" || again != f.Get() {
		t.Errorf("file holds %+v (%v), memory %+v", again, err, f.Get())
	}
}
