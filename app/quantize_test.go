package app_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/weights"
	"kakoi/resources"
)

// fullModel is the folder of a small chat model in full precision.
func fullModel(t *testing.T) string {
	t.Helper()
	pieces, err := os.ReadFile(filepath.Join(starterFolder(t), "spiece.model"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "full")
	s := weights.Shape{Model: "gpt_neox", Layers: 1, Hidden: 64, Heads: 2, FFN: 256, Vocab: 16384, MaxTokens: 64, DType: weights.BF16, RotaryPct: 1}
	if err := weights.Generate(t.Context(), dir, weights.GenerateParams{Shape: s, Layout: weights.Sharded, ShardBytes: 2 << 20, Files: map[string][]byte{"spiece.model": pieces}}, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestQuantizeAtImport(t *testing.T) {
	defer app.SetLarge(1)()
	b := open(t, nil)
	stages := map[string]bool{}
	m, err := b.models.Import(t.Context(), fullModel(t), app.ImportOptions{Name: "mine", Listen: func(s job.State) { stages[s.Stage] = true }})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := weights.Open(m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if !weights.Made4BitOf(filepath.Join(m.Dir, weights.Cache4Bit), folder) || m.FourBit < 1<<20 || m.FourBit >= m.Bytes || m.Unkept != nil || !stages["quantize"] {
		t.Errorf("imported %+v, stages %v", m, stages)
	}
	for _, f := range m.Files {
		if filepath.Dir(f.Name) == weights.Cache4Bit {
			t.Errorf("the 4-bit form is counted among the model's files: %s", f.Name)
		}
	}
	again, err := b.models.Find(t.Context(), "mine")
	if err != nil || again.FourBit != m.FourBit || again.Bytes != m.Bytes {
		t.Errorf("listed as %+v, %v", again, err)
	}
	if _, err := b.models.Verify(t.Context(), again, nil); err != nil {
		t.Errorf("verify: %v", err)
	}
	// Imported once more from there: what was made of the model does not come along.
	twin, err := b.models.Import(t.Context(), m.Dir, app.ImportOptions{Name: "twin"})
	if err != nil || len(twin.Files) != len(m.Files) {
		t.Errorf("imported again: %+v, %v", twin, err)
	}
	if err := b.models.Remove(t.Context(), "mine"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(m.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

// A large model that is 4-bit already has no second form, and nothing is said of a missing one.
func TestImportOf4BitModel(t *testing.T) {
	defer app.SetLarge(1)()
	b := open(t, nil)
	m, err := b.models.Import(t.Context(), starterFolder(t), app.ImportOptions{Name: "mine"})
	if err != nil || m.FourBit != 0 || m.Unkept != nil {
		t.Errorf("imported %+v, %v", m, err)
	}
}

func TestQuantizeByHand(t *testing.T) {
	b := open(t, nil)
	m, err := b.models.Import(t.Context(), fullModel(t), app.ImportOptions{Name: "mine"})
	if err != nil || m.FourBit != 0 {
		t.Fatalf("a small model was quantised: %+v, %v", m, err)
	}
	done, err := b.models.Quantize(t.Context(), "mine", nil)
	if err != nil || done.FourBit < 1<<20 {
		t.Fatalf("%+v, %v", done, err)
	}
	config := filepath.Join(m.Dir, weights.Cache4Bit, "config.json")
	before, err := os.Stat(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.models.Quantize(t.Context(), "mine", nil); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(config); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("one that was up to date was made again (%v)", err)
	}
	if err := os.Truncate(filepath.Join(m.Dir, weights.Cache4Bit, "model.safetensors"), 1000); err != nil {
		t.Fatal(err)
	}
	if again, err := b.models.Quantize(t.Context(), "mine", nil); err != nil || again.FourBit != done.FourBit {
		t.Errorf("a damaged one was left as it is: %d bytes of %d, %v", again.FourBit, done.FourBit, err)
	}
	if _, err := b.models.Import(t.Context(), starterFolder(t), app.ImportOptions{Name: "small"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.models.Quantize(t.Context(), "small", nil); !errors.Is(err, core.ErrUnsupported) {
		t.Errorf("the starter model is 4-bit: %v", err)
	}
	if _, err := b.models.Quantize(t.Context(), "nobody", nil); !errors.Is(err, core.ErrNoModel) {
		t.Errorf("no such model: %v", err)
	}
}

// A large model whose 4-bit form cannot be kept is imported all the same, and the reason is a sentence in the person's language; it is
// forgotten when the form is there.
func TestImportWithoutRoomFor4Bit(t *testing.T) {
	defer app.SetLarge(1)()
	defer app.FailQuantizing(core.Explain(fmt.Errorf("no room: %w", core.ErrNoSpace), "error.model.space", 3.5, 1.25))()
	b := open(t, nil)
	m, err := b.models.Import(t.Context(), fullModel(t), app.ImportOptions{Name: "mine"})
	if err != nil || m.FourBit != 0 || m.Unkept == nil {
		t.Fatalf("imported %+v, %v", m, err)
	}
	found, err := b.models.Find(t.Context(), "mine")
	if err != nil || found.Unkept == nil {
		t.Fatalf("listed as %+v, %v", found, err)
	}
	for lang, want := range map[string]string{"en": "3.5 GB", "ja": "3.5 GB"} {
		sentence, _ := resources.ErrorText(lang, found.Unkept.Err())
		if !strings.Contains(sentence, want) || strings.Contains(sentence, "no room:") {
			t.Errorf("%s: %q", lang, sentence)
		}
	}
	app.FailQuantizing(nil)
	if _, err := b.models.Quantize(t.Context(), "mine", nil); err != nil {
		t.Fatal(err)
	}
	if found, err = b.models.Find(t.Context(), "mine"); err != nil || found.FourBit == 0 || found.Unkept != nil {
		t.Errorf("afterwards %+v, %v", found, err)
	}
}
