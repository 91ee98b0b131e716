package lora_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/lora"
	"kakoi/core/vault"
)

type golden map[string]map[string]struct {
	Scale float64
	Rank  int
	Shape []int
	Delta string
}

func readGolden(t *testing.T) golden {
	t.Helper()
	f, err := os.Open("testdata/golden.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.NewDecoder(z).Decode(&g); err != nil {
		t.Fatal(err)
	}
	return g
}

var tiny = lora.ModelOf(2, 16, 24)

// TestChangeIsPEFTs holds Scale * B A against the change of the weight that PEFT itself gives, for every matrix.
func TestChangeIsPEFTs(t *testing.T) {
	g := readGolden(t)
	for _, name := range []string{"plain", "patterns", "half", "old", "layers", "kakoi"} {
		t.Run(name, func(t *testing.T) {
			a, err := lora.Read(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Fits(tiny); err != nil {
				t.Error(err)
			}
			if len(a.Targets) == 0 || len(a.Targets) != len(g[name]) || a.Base != "rinna/example" || len(a.ID) != 16 {
				t.Fatalf("%d targets of %d, base %q, id %q", len(a.Targets), len(g[name]), a.Base, a.ID)
			}
			for module, want := range g[name] {
				layer := int(module[len("gpt_neox.layers.")] - '0')
				x := a.Target(layer, module[len("gpt_neox.layers.0."):])
				if x == nil {
					t.Fatalf("no target %s", module)
				}
				if math.Abs(float64(x.Scale)-want.Scale) > 1e-6*want.Scale || x.Rank != want.Rank || x.Out != want.Shape[0] || x.In != want.Shape[1] {
					t.Errorf("%s: scale %v, rank %d, [%d, %d]; want %+v", module, x.Scale, x.Rank, x.Out, x.In, want.Shape)
				}
				delta, err := base64.StdEncoding.DecodeString(want.Delta)
				if err != nil || len(delta) != 4*x.Out*x.In {
					t.Fatalf("%s: %d bytes, %v", module, len(delta), err)
				}
				for i := range x.Out {
					for j := range x.In {
						sum := 0.0
						for r := range x.Rank {
							sum += float64(x.B[i*x.Rank+r]) * float64(x.A[r*x.In+j])
						}
						sum *= float64(x.Scale)
						if w := float64(math.Float32frombits(binary.LittleEndian.Uint32(delta[4*(i*x.In+j):]))); math.Abs(sum-w) > 2e-6 {
							t.Fatalf("%s [%d, %d]: %v, PEFT has %v", module, i, j, sum, w)
						}
					}
				}
			}
		})
	}
	if a, err := lora.Read("testdata/layers"); err != nil || a.Target(0, lora.QueryKeyValue) != nil || a.Target(1, lora.Down) != nil {
		t.Errorf("targets that are not there: %v", err)
	}
}

func TestRefused(t *testing.T) {
	for name, key := range map[string]string{
		"dora": "error.lora.dora", "saved": "error.lora.modules", "biased": "error.lora.kind", "head": "error.lora.target",
		"words": "error.lora.target", "pissa": "error.lora.init",
	} {
		_, err := lora.Read(filepath.Join("testdata", name))
		var u *core.UserError
		if !errors.Is(err, core.ErrUnsupported) || !errors.As(err, &u) || u.Key != key {
			t.Errorf("%s: %v", name, err)
		}
		// The same tensors under a configuration that says nothing of it.
		dir := copied(t, filepath.Join("testdata", name), func(c map[string]any) {
			c["use_dora"], c["modules_to_save"], c["bias"] = false, nil, "none"
		})
		if _, err := lora.Read(dir); name != "pissa" && !errors.Is(err, core.ErrUnsupported) {
			t.Errorf("%s, told by its tensors: %v", name, err)
		}
	}
	for member, value := range map[string]any{
		"peft_type": "LOHA", "lora_bias": true, "use_qalora": true, "layer_replication": [][]int{{0, 1}}, "alora_invocation_tokens": []int{1},
		"target_parameters": []string{"x"}, "trainable_token_indices": []int{3}, "init_lora_weights": "olora", "use_bdlora": map[string]any{"nblocks": 2},
	} {
		if _, err := lora.Read(copied(t, "testdata/plain", func(c map[string]any) { c[member] = value })); !errors.Is(err, core.ErrUnsupported) {
			t.Errorf("%s: %v", member, err)
		}
	}
	for member, value := range map[string]any{"r": 5, "rank_pattern": map[string]int{"query_key_value": 2}, "lora_alpha": "much"} {
		if _, err := lora.Read(copied(t, "testdata/plain", func(c map[string]any) { c[member] = value })); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%s: %v", member, err)
		}
	}
	if _, err := lora.Read(t.TempDir()); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("an empty folder: %v", err)
	}
	dir := copied(t, "testdata/plain", nil)
	if err := os.Remove(filepath.Join(dir, lora.WeightsFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := lora.Read(dir); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("no weights: %v", err)
	}
}

// copied is a copy of a folder with other settings.
func copied(t *testing.T, from string, change func(map[string]any)) string {
	t.Helper()
	dir := t.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() == lora.ConfigFile && change != nil {
			c := map[string]any{}
			if err := json.Unmarshal(b, &c); err != nil {
				t.Fatal(err)
			}
			change(c)
			if b, err = json.Marshal(c); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAnotherModel(t *testing.T) {
	a, err := lora.Read("testdata/patterns")
	if err != nil {
		t.Fatal(err)
	}
	for key, m := range map[string]lora.Model{"error.lora.layer": lora.ModelOf(1, 16, 24), "error.lora.model": lora.ModelOf(2, 16, 32)} {
		var u *core.UserError
		if err := a.Fits(m); !errors.Is(err, core.ErrCorrupt) || !errors.As(err, &u) || u.Key != key {
			t.Errorf("%s: %v", key, err)
		}
	}
	if err := a.Fits(lora.ModelOf(3, 16, 24)); err != nil {
		t.Errorf("more layers than the adapter changes: %v", err)
	}
}

func TestDamage(t *testing.T) {
	const file = "testdata/plain/" + lora.WeightsFile
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin := 8 + int(binary.LittleEndian.Uint64(raw))
	dir := copied(t, "testdata/plain", nil)
	put := func(b []byte) error {
		if err := os.WriteFile(filepath.Join(dir, lora.WeightsFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := lora.Read(dir)
		return err
	}
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		b := bytes.Clone(raw)
		binary.LittleEndian.PutUint32(b[begin+8:], math.Float32bits(float32(v)))
		var u *core.UserError
		if err := put(b); !errors.Is(err, core.ErrCorrupt) || !errors.As(err, &u) || u.Key != "error.lora.value" {
			t.Errorf("%v: %v", v, err)
		}
	}
	for _, change := range [][2]string{{"0.attention.query_key_value.lora_B", "0.attention.query_key_value.lora_C"}, {"layers.0.", "layers.x."}, {"lora_A.weight", "lora_A.w8ight"}, {"query_key_value", "query_key_valve"}} {
		b := bytes.ReplaceAll(raw, []byte(change[0]), []byte(change[1]))
		if err := put(b); !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrUnsupported) {
			t.Errorf("%v: %v", change, err)
		}
	}
	// A [4, 16] and B [48, 4] with their axes swapped.
	b := bytes.Replace(raw, []byte("[4,16]"), []byte("[16,4]"), 1)
	if bytes.Equal(b, raw) {
		t.Fatal("no shape [4,16] in the header")
	}
	if err := put(b); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("a swapped shape: %v", err)
	}
	if err := put(raw[:len(raw)-1]); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("a short file: %v", err)
	}
}

// written is the adapter that testdata/kakoi holds: other ranks and factors than the configuration's, not all layers alike.
func written(t *testing.T) *lora.Adapter {
	t.Helper()
	a := lora.Adapter{Name: "kakoi", Base: "rinna/example", Rank: 2, Alpha: 6, Dropout: 0.1}
	n := 0
	numbers := func(size int) []float32 {
		v := make([]float32, size)
		for i := range v {
			n++
			v[i] = float32(n*n%101-50) / 256
		}
		return v
	}
	for _, x := range []lora.Target{
		{Layer: 1, Name: lora.Down, Rank: 2, In: 24, Out: 16, Alpha: 6}, {Layer: 0, Name: lora.QueryKeyValue, Rank: 3, In: 16, Out: 48, Alpha: 6},
		{Layer: 1, Name: lora.QueryKeyValue, Rank: 2, In: 16, Out: 48, Alpha: 1.5},
	} {
		x.A, x.B = numbers(x.Rank*x.In), numbers(x.Out*x.Rank)
		a.Targets = append(a.Targets, x)
	}
	made, err := lora.New(a)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestWritten holds what Write writes against the folder that testdata/golden.py loads with PEFT.
func TestWritten(t *testing.T) {
	a := written(t)
	dir := filepath.Join(t.TempDir(), "kakoi")
	if err := a.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{lora.ConfigFile, lora.WeightsFile} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("testdata/kakoi", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what PEFT was given (%v)", name, err)
		}
	}
	b, err := lora.Read(dir)
	if err != nil || b.ID != a.ID || b.MaxRank() != 3 || b.Parameters() != a.Parameters() || b.Dropout != 0.1 {
		t.Errorf("read again: %+v, %v", b, err)
	}
	if err := a.Write(dir); !errors.Is(err, core.ErrBusy) {
		t.Errorf("written twice: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".adapter-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := a.Write(filepath.Join(dir, "no", "such", "folder")); err == nil || !strings.Contains(err.Error(), "write adapter") {
		t.Errorf("no folder to write into: %v", err)
	}
}

// TestSealed: an adapter under a key is the adapter, and its files say nothing; another key, none, or a byte that was changed, and there is none.
func TestSealed(t *testing.T) {
	key, err := vault.FromFiles(bytes.Repeat([]byte("one "), 12))
	other, oerr := vault.FromFiles(bytes.Repeat([]byte("two "), 12))
	if err := errors.Join(err, oerr); err != nil {
		t.Fatal(err)
	}
	a := written(t)
	dir := filepath.Join(t.TempDir(), "sealed")
	if err := a.WriteSealed(dir, key); err != nil {
		t.Fatal(err)
	}
	if b, err := lora.ReadSealed(dir, key); err != nil || b.ID != a.ID || b.MaxRank() != 3 {
		t.Errorf("read again: %+v, %v", b, err)
	}
	for _, name := range []string{lora.ConfigFile, lora.WeightsFile} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"lora", "base_model", "attention", "F32"} {
			if bytes.Contains(raw, []byte(word)) {
				t.Errorf("%s says %q", name, word)
			}
		}
	}
	if _, err := lora.Read(dir); !errors.Is(err, core.ErrEncrypted) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := lora.ReadSealed(dir, other); !errors.Is(err, vault.ErrOther) {
		t.Errorf("with another key: %v", err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, lora.WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(filepath.Join(dir, lora.WeightsFile), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lora.ReadSealed(dir, key); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("changed: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, x := range map[string]lora.Target{
		"name":  {Name: "embed_in", Rank: 1, In: 1, Out: 1, A: []float32{1}, B: []float32{1}},
		"short": {Name: lora.Up, Rank: 2, In: 1, Out: 1, A: []float32{1}, B: []float32{1}},
	} {
		if _, err := lora.New(lora.Adapter{Targets: []lora.Target{x}}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	twice := lora.Target{Name: lora.Up, Rank: 1, In: 1, Out: 1, A: []float32{1}, B: []float32{1}}
	if _, err := lora.New(lora.Adapter{Targets: []lora.Target{twice, twice}}); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("twice: %v", err)
	}
	if _, err := lora.New(lora.Adapter{}); !errors.Is(err, core.ErrEmpty) {
		t.Errorf("nothing: %v", err)
	}
}
