package app_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/resources"
)

func TestConfigureLoadsModelsAnew(t *testing.T) {
	b := open(t, nil)
	load := func() {
		t.Helper()
		if _, err := b.models.Generator(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	load()
	if err := b.models.Configure(func(s *settings.Settings) { s.Theme = "dark" }); err != nil {
		t.Fatal(err)
	}
	load()
	if n := b.client.Loads(); n != 1 {
		t.Errorf("loaded %d times, though the models run as before", n)
	}
	if err := b.models.Configure(func(s *settings.Settings) { s.Threads = 2 }); err != nil {
		t.Fatal(err)
	}
	load()
	if n := b.client.Loads(); n != 2 {
		t.Errorf("loaded %d times, want once more with 2 threads", n)
	}
}

// TestConfigureBesideWork: an add and an answer that are under way keep their models to the end; the next one has models as they
// are set by then.
func TestConfigureBesideWork(t *testing.T) {
	b := open(t, nil)
	b.chat.Prompts = []fs.FS{resources.Prompts}
	threads := 1
	configure := func() error {
		threads++
		err := b.models.Configure(func(s *settings.Settings) { s.Threads = threads })
		time.Sleep(10 * time.Millisecond) // a model that is given back is closed beside
		return err
	}
	b.client.Before = func([]string) error { return configure() }
	if s, err := b.add(b.files(20, 40)); err != nil || s.Added != 20 {
		t.Fatalf("add: %+v, %v", s, err)
	}
	b.client.Before = nil
	ask := func() {
		t.Helper()
		if _, err := b.chat.Ask(t.Context(), "Where is the part with number 3?", app.AskOptions{}, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	b.client.Answering = func(_ string, piece int) error {
		if piece > 0 {
			return nil
		}
		return configure()
	}
	ask()
	b.client.Answering = nil
	loads := b.client.Loads()
	ask()
	if n := b.client.Loads(); n != loads+1 {
		t.Errorf("loaded %d times after a change that came while the model answered, want once", n-loads)
	}
}

func TestAskTakesWhatIsSet(t *testing.T) {
	b := open(t, nil)
	b.chat.Prompts = []fs.FS{resources.Prompts}
	path := filepath.Join(b.dir, "rules.txt")
	if err := os.WriteFile(path, []byte("Every employee has twenty days of paid leave each year.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.add(path); err != nil {
		t.Fatal(err)
	}
	ask := func(opt app.AskOptions) int {
		t.Helper()
		if _, err := b.chat.Ask(t.Context(), "How many days of paid leave are there?", opt, nil, nil); err != nil {
			t.Fatal(err)
		}
		return b.client.Sampling().MaxNewTokens
	}
	if n := ask(app.AskOptions{}); n != 96 {
		t.Errorf("%d new tokens, want the preset's 96", n)
	}
	if err := b.models.Configure(func(s *settings.Settings) { s.Preset, s.Temperature, s.MaxNewTokens = "techlab", 0.75, 33 }); err != nil {
		t.Fatal(err)
	}
	if n := ask(app.AskOptions{}); n != 33 || b.client.Sampling().Temperature != 0.75 || b.client.Sampling().RepetitionPenalty != 1.1 {
		t.Errorf("asked with %+v, want what is set", b.client.Sampling())
	}
	if n := ask(app.AskOptions{MaxNewTokens: 44}); n != 44 || b.client.Sampling().Temperature != 0.75 {
		t.Errorf("asked with %+v, want what is given", b.client.Sampling())
	}
	if n := ask(app.AskOptions{Preset: "recommended"}); n != 96 || b.client.Sampling().Temperature != 0 {
		t.Errorf("asked with %+v, want the named preset", b.client.Sampling())
	}
}
