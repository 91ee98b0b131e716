package weights_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/weights"
)

func TestCheckStarter(t *testing.T) {
	r, err := weights.Check(context.Background(), "../../resources/starter", weights.Generator, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Unused) != 0 || r.Layers != 10 || r.Vocab != 16384 || r.Tokenizer.Size != 16384 || r.Storage != "NF4" || !r.Tied || len(r.Files) != 5 || r.Parameters != 39913472 {
		b, _ := json.Marshal(r)
		t.Errorf("report %s", b)
	}
}

func TestOldTokenizersAndNotes(t *testing.T) {
	s := tinyNeox
	s.Model = "bert"
	dir := filepath.Join(t.TempDir(), "model")
	g := weights.GenerateParams{Shape: s, Layout: weights.Single, Files: map[string][]byte{"vocab.txt": bytes.Repeat([]byte("a\n"), s.Vocab)}}
	if err := weights.Generate(context.Background(), dir, g, nil); err != nil {
		t.Fatal(err)
	}
	r, err := weights.Check(context.Background(), dir, weights.Embedder, nil)
	if err != nil || r.Tokenizer.File != "vocab.txt" || r.Tokenizer.Size != s.Vocab {
		t.Errorf("a vocab.txt alone: %+v, %v", r.Tokenizer, err)
	}
	write(t, dir+"/vocab.txt", bytes.Repeat([]byte("a\n"), s.Vocab+1))
	if _, err := weights.Check(context.Background(), dir, weights.Embedder, nil); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("a word too many: %v", err)
	}
	if err := os.Truncate(dir+"/vocab.txt", 17<<20); err != nil { // large enough for a note
		t.Fatal(err)
	}
	f, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	note := filepath.Join(filepath.Dir(dir), ".model.sha256.json")
	sums := map[string]string{"config.json": strings.Repeat("a", 64), "vocab.txt": strings.Repeat("b", 64)}
	if _, err := os.Stat(note); err == nil {
		t.Error("checking left a note beside the folder")
	}
	if err := f.Note(sums); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(note); err == nil {
		t.Error("a note without all files")
	}
	sums["model.safetensors"] = strings.Repeat("c", 64)
	if err := f.Note(sums); err != nil {
		t.Fatal(err)
	}
	hashed := false
	id := func() string {
		t.Helper()
		hashed = false
		id, err := f.ID(context.Background(), func(core.Update) { hashed = true })
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if id(); hashed {
		t.Error("the note was not used")
	}

	// A note that no longer holds is made anew, but for those that were packed; where none is, none is made.
	touch := func(minute int) {
		t.Helper()
		at := time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC)
		if err := os.Chtimes(dir+"/vocab.txt", at, at); err != nil {
			t.Fatal(err)
		}
	}
	touch(0)
	whole := id()
	if !hashed {
		t.Error("a note of another time was believed")
	}
	if again := id(); hashed || again != whole {
		t.Errorf("the note was not made anew: %s, before %s", again, whole)
	}
	if err := os.Remove(note); err != nil {
		t.Fatal(err)
	}
	beside := func() (names []string) {
		t.Helper()
		all, err := os.ReadDir(filepath.Dir(dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if e.Name() != "model" {
				names = append(names, e.Name())
			}
		}
		return names
	}
	if again := id(); !hashed || again != whole || beside() != nil {
		t.Errorf("without a note: ID %s, beside the folder %q", again, beside())
	}
	if err := f.Pack(context.Background()); err != nil {
		t.Fatal(err)
	}
	if again := id(); hashed || again != whole {
		t.Errorf("the packed note was not used: %s", again)
	}
	packed := filepath.Join(filepath.Dir(dir), ".model.packed.sha256.json")
	before, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	touch(1)
	again := id()
	after, err := os.ReadFile(packed)
	if err != nil || !hashed || again != whole || !bytes.Equal(before, after) || len(beside()) != 1 {
		t.Errorf("a packed note of another time: %v, ID %s, beside the folder %q", err, again, beside())
	}
}
