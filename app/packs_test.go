package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/pack"
	"kakoi/core"
	"kakoi/core/lora"
	"kakoi/core/vault"
)

// depot is a library with packs.
type depot struct {
	*bench
	adapters *app.Adapters
	packs    *app.Packs
}

func newDepot(t *testing.T) *depot {
	b := open(t, nil)
	a := &app.Adapters{Dir: filepath.Join(b.dir, "adapters"), Store: b.store, Models: b.models, Jobs: b.models.Jobs}
	return &depot{b, a, &app.Packs{Models: b.models, Adapters: a, Jobs: b.models.Jobs, Version: "test", Params: vault.Params{Time: 1, MemoryKiB: 64, Threads: 1}}}
}

// stockedDepot is a depot with a model called "full" and an adapter of it called 規程.
func stockedDepot(t *testing.T) (*depot, string) {
	t.Helper()
	d := newDepot(t)
	if _, err := d.models.Import(t.Context(), fullModel(t), app.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	gen, err := d.models.GeneratorNamed(t.Context(), "full", nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "peft")
	values := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(i%7) / 7
		}
		return v
	}
	a, err := lora.New(lora.Adapter{Name: "adapter", Rank: 2, Alpha: 4, Targets: []lora.Target{{Name: lora.QueryKeyValue, Rank: 2, In: 64, Out: 192, Alpha: 4, A: values(128), B: values(384)}}})
	if err == nil {
		err = a.Write(dir)
	}
	line, jerr := json.Marshal(map[string]string{"base": "full", "base_id": gen.Info().ID, "dataset_name": "旅費", "rows": "12"})
	if err = errors.Join(err, jerr, os.WriteFile(filepath.Join(dir, "lineage.json"), line, 0o600)); err != nil {
		t.Fatal(err)
	}
	x, err := d.adapters.Import(t.Context(), dir, app.AdapterImport{Name: "規程", Model: "full"})
	if err != nil {
		t.Fatal(err)
	}
	return d, x.ID
}

func (d *depot) export(plan app.PackPlan, path string) app.PackSummary {
	d.Helper()
	s, err := d.packs.Export(d.Context(), plan, path, nil)
	if err != nil {
		d.Fatal(err)
	}
	return s
}

// left are the names in the models folder that are hidden.
func (d *depot) left() []string {
	d.Helper()
	entries, err := os.ReadDir(filepath.Join(d.dir, "models"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && !strings.HasSuffix(e.Name(), ".sha256.json") {
			names = append(names, e.Name())
		}
	}
	return names
}

func folderOf(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sameFolder(t testing.TB, got, want string) {
	t.Helper()
	a, b := folderOf(t, got), folderOf(t, want)
	for name := range b {
		if a[name] != b[name] {
			t.Errorf("%s differs from %s in %s: %d and %d bytes", got, want, name, len(a[name]), len(b[name]))
		}
	}
	if len(a) != len(b) || len(a) == 0 {
		t.Errorf("%d files in %s, %d in %s", len(a), got, len(b), want)
	}
}

// A model and its adapter go out in parts and come in on another machine.
func TestPackTakesModelAndAdapter(t *testing.T) {
	d, id := stockedDepot(t)
	stick := t.TempDir()
	path := filepath.Join(stick, "my"+pack.Ext)
	stages := map[string]bool{}
	s, err := d.packs.Export(t.Context(), app.PackPlan{Model: "full", Adapters: []string{"規程", id}, PartBytes: 1_900_000}, path, func(s job.State) { stages[s.Stage] = true })
	if err != nil || len(s.Files) != 3 || len(s.Items) != 2 || s.Items[1].Base != "full" || s.Items[1].BaseID == "" || s.Bytes < 2<<20 || !stages["copy"] {
		t.Fatalf("%+v, %v, stages %v", s, err, stages)
	}
	if names, _ := os.ReadDir(stick); len(names) != 3 || len(d.left()) != 0 {
		t.Errorf("on the stick %v, left %v", names, d.left())
	}
	_, err = d.packs.Export(t.Context(), app.PackPlan{Model: "full"}, path, nil)
	wantError(t, err, "error.pack.exists", core.ErrBusy)

	e := newDepot(t)
	var found app.PackInfo
	r, err := e.packs.Import(t.Context(), s.Files[1:2], app.PackImport{Found: func(i app.PackInfo) { found = i }})
	if err != nil {
		t.Fatal(err)
	}
	if r.Model == nil || r.Model.Name != "full" || r.Model.Kind != app.KindChat || len(r.Adapters) != 1 || len(r.Here) != 0 || found.ID != s.ID || found.Parts != 3 || found.Program != "test" {
		t.Errorf("%+v, found %+v", r, found)
	}
	sameFolder(t, filepath.Join(e.dir, "models", "full"), filepath.Join(d.dir, "models", "full"))
	x, err := e.adapters.Find(t.Context(), "規程")
	if err != nil || x.ID != id || !x.Known || x.Model != "full" || !x.Imported || x.DatasetName != "旅費" || x.Rows != 12 || !x.Fits {
		t.Errorf("%+v, %v", x, err)
	}
	sameFolder(t, x.Dir, filepath.Join(d.dir, "adapters", id))
	if m, err := e.models.Find(t.Context(), "full"); err != nil || m.ID == "" || len(m.Files) != len(r.Model.Files) {
		t.Errorf("%+v, %v", m, err)
	} else if _, err := e.models.Verify(t.Context(), m, nil); err != nil {
		t.Error(err)
	}
	if len(e.left()) != 0 {
		t.Errorf("left: %v", e.left())
	}
	// Again: both are here. Under the name of another model: it is refused.
	if _, err := e.models.GeneratorNamed(t.Context(), "full", nil); err != nil {
		t.Fatal(err)
	}
	if r, err := e.packs.Import(t.Context(), s.Files[:1], app.PackImport{}); err != nil || len(r.Here) != 2 || r.Model != nil || len(r.Adapters) != 0 {
		t.Errorf("once more: %+v, %v", r, err)
	}
	_, err = e.packs.Import(t.Context(), s.Files[:1], app.PackImport{Name: "starter"})
	wantError(t, err, "error.model.exists", core.ErrBusy)
	_, err = e.packs.Import(t.Context(), s.Files[:1], app.PackImport{Name: "../x"})
	wantError(t, err, "error.model.name", core.ErrUsage)
}

// Parts on several sticks, in any order, and one of them damaged at first.
func TestPackOnSeveralSticks(t *testing.T) {
	d, _ := stockedDepot(t)
	stick := t.TempDir()
	s := d.export(app.PackPlan{Model: "full", PartBytes: 1_900_000}, filepath.Join(stick, "my"+pack.Ext))
	var sticks []string
	for _, f := range s.Files {
		to := filepath.Join(t.TempDir(), filepath.Base(f))
		if err := os.Rename(f, to); err != nil {
			t.Fatal(err)
		}
		sticks = append(sticks, to)
	}
	e := newDepot(t)
	_, err := e.packs.Import(t.Context(), sticks[2:3], app.PackImport{})
	wantError(t, err, "error.pack.missing", err)
	var missing *app.MissingParts
	if !errors.As(err, &missing) || !slices.Equal(missing.Numbers, []int{1, 2}) || missing.Names[0] != filepath.Base(sticks[0]) || !strings.Contains(missing.List(), filepath.Base(sticks[1])+" (2/3)") {
		t.Fatalf("%+v", missing)
	}
	if u := e.packs.Unfinished(); len(u) != 1 || u[0].Read == 0 || !slices.Equal(u[0].Missing, []int{1, 2}) || u[0].ID != s.ID {
		t.Errorf("unfinished: %+v", u)
	}
	if _, err := e.models.Find(t.Context(), "full"); !errors.Is(err, core.ErrNoModel) {
		t.Errorf("half a model is there: %v", err)
	}
	raw, err := os.ReadFile(sticks[0])
	if err != nil {
		t.Fatal(err)
	}
	bad := slices.Clone(raw)
	bad[len(bad)-5] ^= 1
	if err := os.WriteFile(sticks[0], bad, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = e.packs.Import(t.Context(), sticks[:1], app.PackImport{})
	wantError(t, err, "error.pack.damaged", core.ErrCorrupt)
	var u *core.UserError
	if errors.As(err, &u) && (u.Args[0] != filepath.Base(sticks[0]) || u.Args[1] != 1) {
		t.Errorf("named %v", u.Args)
	}
	// A process that begins anew goes on with what was read; a sound copy beside the damaged one does.
	if err := errors.Join(e.models.Sweep(), e.packs.Recover(t.Context())); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(filepath.Dir(sticks[0]), "again"+pack.Ext)
	if err := os.WriteFile(good, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = e.packs.Import(t.Context(), sticks[:1], app.PackImport{}); !errors.As(err, &missing) || !slices.Equal(missing.Numbers, []int{2}) {
		t.Fatalf("%v", err)
	}
	other := d.export(app.PackPlan{Model: "full", PartBytes: 1_900_000}, filepath.Join(stick, "other"+pack.Ext))
	_, err = e.packs.Import(t.Context(), []string{sticks[1], other.Files[0]}, app.PackImport{})
	wantError(t, err, "error.pack.other", core.ErrUsage)
	r, err := e.packs.Import(t.Context(), sticks[1:2], app.PackImport{})
	if err != nil || r.Model == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	sameFolder(t, filepath.Join(e.dir, "models", "full"), filepath.Join(d.dir, "models", "full"))

	// What nobody goes on with can be given up.
	f := newDepot(t)
	if _, err := f.packs.Import(t.Context(), sticks[:1], app.PackImport{}); err == nil {
		t.Fatal("a third of a pack is in")
	}
	if n, err := f.packs.Discard(t.Context(), ""); err != nil || n != 1 || len(f.left()) != 0 {
		t.Errorf("%d given up, %v, left %v", n, err, f.left())
	}
}

// An adapter alone says which model it needs.
func TestPackOfAnAdapter(t *testing.T) {
	d, id := stockedDepot(t)
	s := d.export(app.PackPlan{Adapters: []string{id}}, filepath.Join(t.TempDir(), "a"+pack.Ext))
	e := newDepot(t)
	_, err := e.packs.Import(t.Context(), s.Files, app.PackImport{})
	wantError(t, err, "error.pack.base", core.ErrNoModel)
	var u *core.UserError
	if errors.As(err, &u) && (u.Args[0] != "規程" || u.Args[1] != "full" || len(fmt.Sprint(u.Args[2])) != 16) {
		t.Errorf("named %v", u.Args)
	}
	if len(e.left()) != 0 {
		t.Errorf("left: %v", e.left())
	}
	if _, err := e.models.Import(t.Context(), fullModel(t), app.ImportOptions{Name: "renamed"}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.models.GeneratorNamed(t.Context(), "renamed", nil); err != nil { // the test's engine has IDs of its own
		t.Fatal(err)
	}
	r, err := e.packs.Import(t.Context(), s.Files, app.PackImport{})
	if err != nil || r.Model != nil || len(r.Adapters) != 1 || r.Adapters[0].Model != "renamed" {
		t.Errorf("%+v, %v", r, err)
	}
	_, err = d.packs.Export(t.Context(), app.PackPlan{Model: "nobody", Adapters: []string{id}}, filepath.Join(t.TempDir(), "b"+pack.Ext), nil)
	if !errors.Is(err, core.ErrNoModel) {
		t.Errorf("%v", err)
	}
	if _, err := d.models.Import(t.Context(), starterFolder(t), app.ImportOptions{Name: "another"}); err != nil {
		t.Fatal(err)
	}
	_, err = d.packs.Export(t.Context(), app.PackPlan{Model: "another", Adapters: []string{id}}, filepath.Join(t.TempDir(), "b"+pack.Ext), nil)
	wantError(t, err, "error.pack.stranger", core.ErrUsage)
	_, err = d.packs.Export(t.Context(), app.PackPlan{}, filepath.Join(t.TempDir(), "b"+pack.Ext), nil)
	wantError(t, err, "error.pack.nothing", core.ErrUsage)
}

func TestPackIsReplacedAsAWhole(t *testing.T) {
	d, id := stockedDepot(t)
	stick := t.TempDir()
	path := filepath.Join(stick, "my"+pack.Ext)
	d.export(app.PackPlan{Model: "full", PartBytes: 1_900_000}, path)
	if err := os.WriteFile(filepath.Join(stick, "my-9-of-9"+pack.Ext), []byte("somebody's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := d.export(app.PackPlan{Adapters: []string{id}, Replace: true}, path)
	names, _ := filepath.Glob(filepath.Join(stick, "*"))
	if len(names) != 2 || !slices.Equal(s.Files, []string{path}) {
		t.Errorf("on the stick: %v, exported %v", names, s.Files)
	}
	// A job that is cancelled, and a disk that is full: what was there stays.
	before := folderOf(t, stick)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := d.packs.Export(ctx, app.PackPlan{Model: "full", Replace: true}, path, func(job.State) { cancel() })
	cancel()
	if !errors.Is(err, context.Canceled) && err != nil {
		t.Errorf("cancelled: %v", err)
	}
	if err != nil {
		if after := folderOf(t, stick); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Error("a cancelled export changed something")
		}
	}
	before = folderOf(t, stick)
	d.packs.Free = func(string) (int64, error) { return 1000, nil }
	_, err = d.packs.Export(t.Context(), app.PackPlan{Model: "full", Replace: true}, path, nil)
	wantError(t, err, "error.pack.space", core.ErrNoSpace)
	if after := folderOf(t, stick); fmt.Sprint(after) != fmt.Sprint(before) || len(d.left()) != 0 {
		t.Errorf("a refused export changed something; left %v", d.left())
	}
	_, err = d.packs.Export(t.Context(), app.PackPlan{Model: "full"}, filepath.Join(stick, "none", "x"+pack.Ext), nil)
	wantError(t, err, "error.pack.folder", fs.ErrNotExist)
	_, err = d.packs.Export(t.Context(), app.PackPlan{Model: "full"}, stick, nil)
	wantError(t, err, "error.pack.isfolder", core.ErrUsage)
	_, err = d.packs.Export(t.Context(), app.PackPlan{Model: "full", PartBytes: 10}, path, nil)
	wantError(t, err, "error.pack.part_small", core.ErrUsage)
	e := newDepot(t)
	e.packs.Free = d.packs.Free
	_, err = e.packs.Import(t.Context(), d.exportWith(t, stick), app.PackImport{})
	wantError(t, err, "error.pack.space", core.ErrNoSpace)
	if len(e.left()) != 0 {
		t.Errorf("left: %v", e.left())
	}
}

// exportWith exports with all the room there is.
func (d *depot) exportWith(t *testing.T, dir string) []string {
	d.packs.Free = nil
	return d.export(app.PackPlan{Model: "full"}, filepath.Join(dir, "roomy"+pack.Ext)).Files
}

// TestDamageIsNotHandedOn: a model whose files are not those that were imported is not exported.
func TestDamageIsNotHandedOn(t *testing.T) {
	d, _ := stockedDepot(t)
	file := filepath.Join(d.dir, "models", "full", "tokenizer.json")
	raw, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(raw, ' '), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	stick := t.TempDir()
	_, err = d.packs.Export(t.Context(), app.PackPlan{Model: "full"}, filepath.Join(stick, "x"+pack.Ext), nil)
	wantError(t, err, "error.model.changed", core.ErrCorrupt)
	if left, _ := os.ReadDir(stick); len(left) != 0 || len(d.left()) != 0 {
		t.Errorf("left %v, %v", left, d.left())
	}
}

// TestBadPacksLeaveNothing: packs that are whole and hold what is no model, and such that are damaged.
func TestBadPacksLeaveNothing(t *testing.T) {
	d, id := stockedDepot(t)
	e := newDepot(t)
	whole := d.exportWith(t, t.TempDir())[0]
	raw, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	bad := filepath.Join(t.TempDir(), "bad"+pack.Ext)
	for range 20 {
		hurt := bytes.Clone(raw)
		hurt[r.IntN(len(hurt))] ^= 1 << r.IntN(8)
		if err := os.WriteFile(bad, hurt, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := e.packs.Import(t.Context(), []string{bad}, app.PackImport{}); !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrUnsupported) {
			t.Fatalf("%v", err)
		}
	}
	if _, err := e.models.Find(t.Context(), "full"); !errors.Is(err, core.ErrNoModel) || len(e.left()) != 0 {
		t.Errorf("%v, left %v", err, e.left())
	}
	// The model's weights hold something that is not finite: the pack is whole, and the model is refused as in a folder.
	weights := ""
	for name := range folderOf(t, filepath.Join(d.dir, "models", "full")) {
		if filepath.Ext(name) == ".safetensors" {
			weights = filepath.Join(d.dir, "models", "full", name)
		}
	}
	broken, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(broken) - 64; i < len(broken); i++ {
		broken[i] = 0xff
	}
	forged := newDepot(t)
	folder := filepath.Join(forged.dir, "models", "full")
	if err := errors.Join(os.CopyFS(folder, os.DirFS(filepath.Join(d.dir, "models", "full"))), os.WriteFile(filepath.Join(folder, filepath.Base(weights)), broken, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := forged.export(app.PackPlan{Model: "full"}, filepath.Join(t.TempDir(), "forged"+pack.Ext))
	if _, err := e.packs.Import(t.Context(), s.Files, app.PackImport{}); !errors.Is(err, core.ErrCorrupt) || len(e.left()) != 0 {
		t.Errorf("%v, left %v", err, e.left())
	}
	// An adapter that does not fit the model that is said to be its base.
	a := d.export(app.PackPlan{Adapters: []string{id}}, filepath.Join(t.TempDir(), "a"+pack.Ext))
	if _, err := e.models.Import(t.Context(), starterFolder(t), app.ImportOptions{Name: "full"}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.packs.Import(t.Context(), a.Files, app.PackImport{}); !errors.Is(err, core.ErrNoModel) || len(e.left()) != 0 {
		t.Errorf("%v, left %v", err, e.left())
	}
}

func TestSealedPack(t *testing.T) {
	d, id := stockedDepot(t)
	s := d.export(app.PackPlan{Adapters: []string{id}, Passphrase: []byte("蓋 and lid")}, filepath.Join(t.TempDir(), "a"+pack.Ext))
	raw, err := os.ReadFile(s.Files[0])
	if err != nil || !s.Sealed || bytes.Contains(raw, []byte("規程")) || bytes.Contains(raw, []byte("lineage")) {
		t.Fatalf("%+v, %v", s, err)
	}
	_, err = d.packs.Import(t.Context(), s.Files, app.PackImport{})
	wantError(t, err, "error.pack.sealed", core.ErrEncrypted)
	_, err = d.packs.Import(t.Context(), s.Files, app.PackImport{Passphrase: func() ([]byte, error) { return []byte("no"), nil }})
	wantError(t, err, "error.pack.passphrase", core.ErrEncrypted)
	if err := d.adapters.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	asked := 0
	r, err := d.packs.Import(t.Context(), s.Files, app.PackImport{Passphrase: func() ([]byte, error) { asked++; return []byte("蓋 and lid"), nil }})
	if err != nil || len(r.Adapters) != 1 || r.Adapters[0].ID != id || asked != 1 {
		t.Errorf("%+v, %v, asked %d times", r, err, asked)
	}
}

// TestPackOfAnEncryptedLibrary: an adapter goes out of it decrypted and comes into another under that one's key; what was read of a pack does not wait there.
func TestPackOfAnEncryptedLibrary(t *testing.T) {
	d, id := stockedDepot(t)
	key := func() *vault.Key {
		_, k, err := vault.New([]byte("x"), d.packs.Params)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if _, err := d.adapters.Export(t.Context(), id, plain); err != nil {
		t.Fatal(err)
	}
	if err := d.adapters.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	d.adapters.Key = key()
	if _, err := d.adapters.Import(t.Context(), plain, app.AdapterImport{Name: "規程", Model: "full"}); err != nil {
		t.Fatal(err)
	}
	s := d.export(app.PackPlan{Model: "full", Adapters: []string{id}, PartBytes: 1_900_000}, filepath.Join(t.TempDir(), "a"+pack.Ext))
	e := newDepot(t)
	e.adapters.Key = key()
	alone := filepath.Join(t.TempDir(), filepath.Base(s.Files[0]))
	raw, err := os.ReadFile(s.Files[0])
	if err == nil {
		err = os.WriteFile(alone, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	var missing *app.MissingParts
	if _, err := e.packs.Import(t.Context(), []string{alone}, app.PackImport{}); !errors.As(err, &missing) || len(e.left()) != 0 {
		t.Errorf("%v, left %v", err, e.left())
	}
	r, err := e.packs.Import(t.Context(), s.Files, app.PackImport{})
	if err != nil || len(r.Adapters) != 1 || r.Adapters[0].ID != id || len(e.left()) != 0 {
		t.Fatalf("%+v, %v, left %v", r, err, e.left())
	}
	for name, text := range folderOf(t, filepath.Join(e.dir, "adapters")) {
		if strings.Contains(text, "lora_A") || strings.Contains(text, "旅費") {
			t.Errorf("%s is plain", name)
		}
	}
	if a, err := lora.ReadSealed(filepath.Join(e.dir, "adapters", id), e.adapters.Key); err != nil || a.ID != id {
		t.Errorf("%v", err)
	}
}

// TestPackIsFinishedAtTheNextStart: when a process was killed between the model and its adapter, the next one puts the rest in place; and it ends exports.
func TestPackIsFinishedAtTheNextStart(t *testing.T) {
	d, id := stockedDepot(t)
	s := d.export(app.PackPlan{Model: "full", Adapters: []string{id}}, filepath.Join(t.TempDir(), "a"+pack.Ext))
	e := newDepot(t)
	e.adapters.Dir = filepath.Join(e.dir, "models", ".export-x", "none") // cannot be made: a file stands in its place
	if err := os.MkdirAll(filepath.Join(e.dir, "models"), 0o700); err != nil {
		t.Fatal(err)
	}
	block := filepath.Join(e.dir, "models", ".export-x")
	if err := os.WriteFile(block, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := e.packs.Import(t.Context(), s.Files, app.PackImport{}); err == nil {
		t.Fatal("an adapter without a folder is in")
	}
	e.adapters.Dir = filepath.Join(e.dir, "adapters")
	if err := errors.Join(e.models.Sweep(), e.packs.Recover(t.Context())); err != nil {
		t.Fatal(err)
	}
	if x, err := e.adapters.Find(t.Context(), id); err != nil || x.Model != "full" {
		t.Errorf("%+v, %v", x, err)
	}
	sameFolder(t, filepath.Join(e.dir, "models", "full"), filepath.Join(d.dir, "models", "full"))
	if len(e.left()) != 0 {
		t.Errorf("left: %v", e.left())
	}
}
