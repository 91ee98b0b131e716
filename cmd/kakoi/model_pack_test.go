package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/pack"
	"kakoi/core/manifest"
	"kakoi/core/weights"
)

// smallModel writes the folder of a model with random weights of about 5 MB, or 5 MB more for each step of size.
func smallModel(t *testing.T, size int) string {
	t.Helper()
	pieces, err := os.ReadFile("../../resources/starter/spiece.model")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), fmt.Sprint("model", size))
	s := weights.Shape{Model: "gpt_neox", Layers: 1, Hidden: 64 * size, Heads: 2, FFN: 256, Vocab: 16384, MaxTokens: 64, DType: weights.F16, RotaryPct: 1}
	if err := weights.Generate(t.Context(), dir, weights.GenerateParams{Shape: s, Layout: weights.Single, Seed: uint64(size), Files: map[string][]byte{"spiece.model": pieces}}, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// another is a world of its own data folder.
func (w *world) another() *world {
	other := *w
	other.data = filepath.Join(w.t.TempDir(), "data")
	return &other
}

func TestModelPack(t *testing.T) {
	w := newWorld(t)
	w.want(0, "model", "import", smallModel(t, 1), "--name", "mine")
	stick := t.TempDir()
	path := filepath.Join(stick, "mine.kakoi-pack")
	public, secret, err := manifest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key+".pub", public, 0o600); err != nil {
		t.Fatal(err)
	}
	s := objects[app.PackSummary](t, w.want(0, "model", "export", "mine", path, "--part-size", "1900KB", "--sign", key, "--json").out)[0]
	if len(s.Files) != 3 || !s.Signed || s.Files[1] != filepath.Join(stick, "mine-2-of-3.kakoi-pack") {
		t.Fatalf("%+v", s)
	}
	w.want(1, "model", "export", "mine", path)
	w.want(2, "model", "export", "mine", path, "--part-size", "many")
	w.want(2, "model", "export", "mine", path, "--format", "zip")
	w.want(2, "model", "export", "mine", filepath.Join(stick, "mine.pack"))
	w.want(1, "model", "export", "nobody", path)

	// Parts on two sticks, and nobody who could be asked: the missing ones are named, and what was read is kept.
	second := t.TempDir()
	for _, f := range s.Files[1:] {
		if err := os.Rename(f, filepath.Join(second, filepath.Base(f))); err != nil {
			t.Fatal(err)
		}
	}
	other := w.another()
	said := other.want(1, "model", "import", s.Files[0], "--json")
	var told struct {
		Error struct{ Sentence, Hint string }
	}
	if err := json.Unmarshal([]byte(said.out), &told); err != nil || !strings.Contains(told.Error.Sentence, "mine-2-of-3.kakoi-pack (2/3), mine-3-of-3.kakoi-pack (3/3)") {
		t.Errorf("said %q", said.out)
	}
	if list := other.want(0, "model", "list"); strings.Contains(list.out, "mine  ") || !strings.Contains(list.out, "waits to be gone on with") {
		t.Errorf("listed %q", list.out)
	}
	said = other.want(0, "model", "import", second, "--key", key+".pub")
	if !strings.Contains(said.out, "Signed by key") || !strings.Contains(said.out, "kakoi model use mine") {
		t.Errorf("said %q", said.out)
	}
	other.want(0, "model", "check", "mine")
	if got, want := w.want(0, "model", "list", "--json").out, other.want(0, "model", "list", "--json").out; strings.Count(got, "sha256") != strings.Count(want, "sha256") || strings.Count(got, "sha256") < 4 {
		t.Errorf("models %s and %s", got, want)
	}
	if err := os.Rename(s.Files[0], filepath.Join(second, filepath.Base(s.Files[0]))); err != nil {
		t.Fatal(err)
	}
	// Signed by somebody else, or by nobody.
	if public, _, err = manifest.NewKey(""); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key+".pub", public, 0o600); err != nil {
		t.Fatal(err)
	}
	third := w.another()
	if said := third.want(1, "model", "import", second, "--key", key+".pub"); !strings.Contains(said.err, "signature") {
		t.Errorf("said %q", said.err)
	}
	third.want(1, "model", "import", filepath.Join(second, "mine-2-of-3.kakoi-pack"), filepath.Join(stick, "none.kakoi-pack"))
	third.want(0, "model", "import", "--discard")

	// Encrypted, its passphrase in a file.
	pass := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(pass, []byte("蓋 and lid\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sealed := filepath.Join(stick, "sealed.kakoi-pack")
	w.want(0, "model", "export", "mine", sealed, "--passphrase-file", pass)
	if said := third.want(1, "model", "import", sealed); !strings.Contains(said.err, "encrypted") {
		t.Errorf("said %q", said.err)
	}
	third.want(0, "model", "import", sealed, "--passphrase-file", pass, "--name", "renamed")
	third.want(0, "model", "check", "renamed")
	if err := os.WriteFile(sealed, []byte("somebody's text"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(1, "model", "import", sealed)
}

func TestModelFolder(t *testing.T) {
	w := newWorld(t)
	w.want(0, "model", "import", smallModel(t, 1), "--name", "mine")
	dir := filepath.Join(t.TempDir(), "hub")
	s := objects[app.FolderSummary](t, w.want(0, "model", "export", "mine", dir, "--json").out)[0]
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "spiece.model", "tokenizer_config.json"} {
		if !slices.Contains(s.Files, name) || !exists(filepath.Join(dir, name)) {
			t.Errorf("%s is missing among %v", name, s.Files)
		}
	}
	if s.DType != "float32" || s.Bytes < 9_000_000 {
		t.Errorf("%+v", s)
	}
	w.want(1, "model", "export", "mine", dir)
	if err := os.WriteFile(filepath.Join(dir, "thesis.odt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(1, "model", "export", "mine", dir, "--replace")
	if err := os.Remove(filepath.Join(dir, "thesis.odt")); err != nil {
		t.Fatal(err)
	}
	if s = objects[app.FolderSummary](t, w.want(0, "model", "export", "mine", dir+"/", "--replace", "--dtype", "fp16", "--json").out)[0]; s.DType != "float16" {
		t.Errorf("%+v", s)
	}
	stick := t.TempDir() // with something on it
	if err := os.WriteFile(filepath.Join(stick, "thesis.odt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s = objects[app.FolderSummary](t, w.want(0, "model", "export", "mine", stick, "--json").out)[0]; s.Dir != filepath.Join(stick, "mine") {
		t.Errorf("%+v", s)
	}
	if p := objects[app.PackSummary](t, w.want(0, "model", "export", "mine", stick, "--format", "pack", "--json").out)[0]; p.Files[0] != filepath.Join(stick, "mine.kakoi-pack") {
		t.Errorf("%+v", p)
	}
	w.want(2, "model", "export", "mine", dir, "--dtype", "nf4")
	w.want(2, "model", "export", "mine", dir, "--format", "hf", "--part-size", "1GB")
	w.want(0, "model", "import", dir, "--name", "back") // and comes in again
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// Where a model has no bounds on its refusals, --json says so.
func TestNoBoundsAreTold(t *testing.T) {
	w := newWorld(t)
	type told struct {
		Model      string `json:"model"`
		Calibrated *bool  `json:"calibrated"`
	}
	if got := objects[told](t, w.want(0, "model", "calibrate", "--show", "--json", "starter").out); len(got) != 1 || got[0].Model != "starter" || got[0].Calibrated == nil || *got[0].Calibrated {
		t.Errorf("%+v", got)
	}
}

// sound reads a whole pack and says of which model it is.
func sound(path string) (string, error) {
	dir, err := os.MkdirTemp("", "kakoi-sound-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	first, err := pack.Open(path, nil)
	if err != nil {
		return "", err
	}
	defer first.Close()
	s, err := pack.Stage(filepath.Join(dir, "s"), first)
	if err != nil {
		return "", err
	}
	defer s.Close()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	for _, e := range entries { // by what they say, whatever they are called
		p, err := pack.Open(filepath.Join(filepath.Dir(path), e.Name()), nil)
		if err != nil {
			continue
		}
		if p.ID == s.ID && slices.Contains(s.Missing(), p.Number) {
			err = s.Take(context.Background(), p, nil)
		}
		p.Close()
		if err != nil {
			return "", err
		}
	}
	return s.Manifest.Items[0].Name, s.Verify(context.Background(), nil)
}

func visible(dir string) (names, hidden []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			hidden = append(hidden, e.Name())
		} else {
			names = append(names, e.Name())
		}
	}
	return names, hidden
}

// nearer makes the time in which a kill comes longer where it came too early to matter, and shorter where too late: most come near the last steps then.
func nearer(span time.Duration, late bool) time.Duration {
	if late {
		return span * 4 / 5
	}
	return span * 6 / 5
}

// TestKilledExportsAndImports: killed at any moment, an export leaves the old pack or the new one, and an import the model or none; what was begun is cleared away or gone on with.
func TestKilledExportsAndImports(t *testing.T) {
	rounds := kills(6)
	w := newWorld(t)
	w.want(0, "model", "import", smallModel(t, 1), "--name", "old")
	w.want(0, "model", "import", smallModel(t, 4), "--name", "new")
	stick := t.TempDir()
	path := filepath.Join(stick, "my.kakoi-pack")
	export := []string{"model", "export", "new", path, "--replace", "--part-size", "8MB"}
	r := rand.New(rand.NewPCG(uint64(rounds), 3))
	kill := func(w *world, span time.Duration, args ...string) {
		t.Helper()
		cmd := w.command(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.Float64() * float64(span)))
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	}
	begun := time.Now()
	w.want(0, export...)
	span := time.Since(begun) * 11 / 10
	news, _ := visible(stick)
	if len(news) != 3 {
		t.Fatalf("%v", news)
	}
	came := map[string]int{}
	for range rounds {
		w.want(0, "model", "export", "old", path, "--replace")
		if names, hidden := visible(stick); !slices.Equal(names, []string{"my.kakoi-pack"}) || len(hidden) != 0 {
			t.Fatalf("on the stick: %v, %v", names, hidden)
		}
		kill(w, span, export...)
		names, _ := visible(stick)
		of, err := sound(filepath.Join(stick, names[0]))
		if err != nil || of != "old" && of != "new" {
			t.Errorf("killed, the stick holds %v: %q, %v", names, of, err)
		}
		w.want(0, "model", "list") // the next start clears up
		names, hidden := visible(stick)
		if len(hidden) != 0 || !slices.Equal(names, news) && !slices.Equal(names, []string{"my.kakoi-pack"}) {
			t.Errorf("cleared up, the stick holds %v, %v", names, hidden)
		}
		if of, err = sound(filepath.Join(stick, names[0])); err != nil {
			t.Errorf("%v", err)
		}
		came[of]++
		span = nearer(span, of == "new")
	}
	w.want(0, export...)
	first := filepath.Join(stick, news[0])
	other := w.another()
	begun = time.Now()
	other.want(0, "model", "import", first)
	span = time.Since(begun) * 11 / 10
	for range rounds {
		other := w.another()
		kill(other, span, "model", "import", first)
		listed := strings.Contains(other.want(0, "model", "list", "--json").out, `"name":"new"`)
		span = nearer(span, listed)
		if listed {
			came["imported"]++
		} else {
			came["not imported"]++
			other.want(0, "model", "import", first)
		}
		other.want(0, "model", "check", "new")
		if _, hidden := visible(filepath.Join(other.data, "models")); slices.ContainsFunc(hidden, func(s string) bool { return !strings.HasSuffix(s, ".sha256.json") }) {
			t.Errorf("left: %v", hidden)
		}
	}
	t.Logf("%d rounds: %v", rounds, came)
}
