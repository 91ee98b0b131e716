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

func TestFilesOfEarlierVersions(t *testing.T) {
	for text, want := range map[string]func(*Settings){
		`{"version":1,"language":"ja","prompt":"","top":2}`: func(s *Settings) { s.Language, s.Top = "ja", 2 },
		`{"version":1,"top":5,"threads":3}`:                 func(s *Settings) { s.Threads = 3 }, // 5 was the default and had no effect
		`{"version":2,"top":5}`:                             func(s *Settings) { s.Top = 5 },
		`{"version":2,"enter_sends":false}`:                 func(s *Settings) { s.EnterSends = false },
	} {
		path := filepath.Join(t.TempDir(), "settings.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		expected := Default()
		want(&expected)
		s, err := Load(path)
		if err != nil || s != expected {
			t.Errorf("%s: settings %+v, error %v", text, s, err)
		}
		if err := Save(path, s); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if again, err := Load(path); err != nil || again != s {
			t.Errorf("%s: saved and loaded %+v, error %v", text, again, err)
		}
	}
}

func TestWrongFiles(t *testing.T) {
	for text, want := range map[string]error{
		`{`:                                 core.ErrCorrupt,
		`{"version":3}`:                     core.ErrUsage,
		`{"version":1,"embedder":"../x"}`:   core.ErrUsage,
		`{"version":1,"chat_model":""}`:     core.ErrUsage,
		`{"version":1,"splitter":"x"}`:      core.ErrUsage,
		`{"version":1,"top":-1}`:            core.ErrUsage,
		`{"version":2,"language":"fr"}`:     core.ErrUsage,
		`{"version":2,"theme":"blue"}`:      core.ErrUsage,
		`{"version":2,"text_size":79}`:      core.ErrUsage,
		`{"version":2,"preset":"best"}`:     core.ErrUsage,
		`{"version":2,"temperature":-2}`:    core.ErrUsage,
		`{"version":2,"max_new_tokens":-1}`: core.ErrUsage,
		`{"version":1,"device":"cuda:x"}`:   core.ErrUsage,
		`{"version":1,"dtype":"int3"}`:      core.ErrUsage,
		`{"version":1,"threads":-1}`:        core.ErrUsage,
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

func TestFields(t *testing.T) {
	good := map[string]string{
		"language": "ja", "theme": "dark", "text_size": "150", "enter_sends": "false", "preset": "techlab", "top": "7", "temperature": "0.25",
		"max_new_tokens": "200", "splitter": "techlab", "device": "cuda:1", "dtype": "bf16", "threads": "4", "rerank": "50", "neighbours": "2", "refusal": "careful",
		"backup_daily": "false", "backup_keep": "7", "backup_folder": "/media/disk",
		"engine_files": "open", "strict": "true", "lock_after": "30", "evidence": "off",
	}
	bad := map[string][]string{
		"language": {"fr"}, "theme": {""}, "text_size": {"79", "201", "1e2", "100.5", "1000000000000000000000"}, "enter_sends": {"yes"}, "preset": {"best"},
		"top": {"-1", "101", "x", ""}, "temperature": {"-0.5", "11", "NaN", "Inf"}, "max_new_tokens": {"-1", "4097", "0x10"}, "splitter": {"none"},
		"device": {"gpu"}, "dtype": {"int4"}, "threads": {"-1", "1025"}, "rerank": {"-1", "101", ""}, "neighbours": {"-1", "6", "1.5"}, "refusal": {"", "bold"},
		"backup_daily": {"", "yes"}, "backup_keep": {"0", "31", ""}, "backup_folder": {"here", "./x"},
		"engine_files": {"", "off"}, "strict": {"", "yes"}, "lock_after": {"", "7", "-1"}, "evidence": {"", "auto"},
	}
	if len(Fields) != len(good) {
		t.Fatalf("%d fields, %d tried", len(Fields), len(good))
	}
	s := Default()
	for _, f := range Fields {
		if err := f.Set(&s, " "+good[f.Key]+" "); err != nil || f.Value(s) != good[f.Key] {
			t.Errorf("%s is %q, %v", f.Key, f.Value(s), err)
		}
		for _, text := range bad[f.Key] {
			var user *core.UserError
			if err := f.Set(&s, text); !errors.Is(err, core.ErrUsage) || !errors.As(err, &user) {
				t.Errorf("%s set to %q: %v", f.Key, text, err)
			}
		}
		if f.Value(s) != good[f.Key] {
			t.Errorf("%s was changed to %q", f.Key, f.Value(s))
		}
		if f.Allowed() == "" {
			t.Errorf("%s does not say what it can be", f.Key)
		}
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	for _, f := range Fields {
		if err := f.Set(&s, f.Default()); err != nil {
			t.Errorf("%s back to its default: %v", f.Key, err)
		}
	}
	if s != Default() {
		t.Errorf("all defaults: %+v", s)
	}
}

func TestWatch(t *testing.T) {
	f, err := Open(filepath.Join(t.TempDir(), "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var heard []string
	stop := f.Watch(func(old, now Settings) { heard = append(heard, old.Theme+" "+now.Theme+" "+f.Get().Theme) })
	set := func(theme string) error { return f.Update(func(s *Settings) { s.Theme = theme }) }
	if err := errors.Join(set("dark"), set("dark")); err != nil {
		t.Fatal(err)
	}
	if err := set("blue"); err == nil {
		t.Error("a blue theme")
	}
	stop()
	if err := set("light"); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 1 || heard[0] != "system dark dark" {
		t.Errorf("heard %q", heard)
	}
}
