package weights_test

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/weights"
)

// key is the translation key of an error's sentence.
func key(err error) string {
	var u *core.UserError
	if !errors.As(err, &u) {
		return ""
	}
	return u.Key
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// edit changes members of a JSON file.
func edit(t *testing.T, path string, change func(map[string]any)) {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(read(t, path), &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, b)
}

// TestBrokenFolders breaks a sound folder in one way each; Check must name the defect.
func TestBrokenFolders(t *testing.T) {
	single := "model.safetensors"
	cases := []struct {
		name   string
		layout weights.Layout
		break_ func(t *testing.T, dir string)
		key    string
		is     error
	}{
		{"no config", weights.Single, func(t *testing.T, d string) { os.Remove(d + "/config.json") }, "error.model.config", core.ErrNotFound},
		{"config is not JSON", weights.Single, func(t *testing.T, d string) { write(t, d+"/config.json", []byte("{")) }, "error.model.config", core.ErrCorrupt},
		{"no weights", weights.Single, func(t *testing.T, d string) { os.Remove(d + "/" + single) }, "error.model.noweights", core.ErrNotFound},
		{"missing shard", weights.Sharded, func(t *testing.T, d string) { os.Remove(d + "/model-00002-of-00004.safetensors") }, "error.model.shard", core.ErrNotFound},
		{"missing bin shard", weights.TorchShard, func(t *testing.T, d string) { os.Remove(d + "/pytorch_model-00002-of-00004.bin") }, "error.model.shard", core.ErrNotFound},
		{"index names an absent tensor", weights.Sharded, func(t *testing.T, d string) {
			edit(t, d+"/model.safetensors.index.json", func(m map[string]any) {
				m["weight_map"].(map[string]any)["ghost"] = "model-00001-of-00004.safetensors"
			})
		}, "error.model.index.tensor", core.ErrCorrupt},
		{"index leaves the folder", weights.Sharded, func(t *testing.T, d string) {
			edit(t, d+"/model.safetensors.index.json", func(m map[string]any) {
				m["weight_map"].(map[string]any)["embed_out.weight"] = "../secret.safetensors"
			})
		}, "error.model.corrupt", core.ErrCorrupt},
		{"truncated", weights.Single, func(t *testing.T, d string) {
			b := read(t, d+"/"+single)
			write(t, d+"/"+single, b[:len(b)-100])
		}, "error.model.truncated", core.ErrCorrupt},
		{"truncated in the header", weights.Single, func(t *testing.T, d string) { write(t, d+"/"+single, read(t, d+"/"+single)[:100]) }, "error.model.truncated", core.ErrCorrupt},
		{"empty file", weights.Single, func(t *testing.T, d string) { write(t, d+"/"+single, nil) }, "error.model.truncated", core.ErrCorrupt},
		{"truncated bin", weights.TorchBin, func(t *testing.T, d string) {
			b := read(t, d+"/pytorch_model.bin")
			write(t, d+"/pytorch_model.bin", b[:len(b)/2])
		}, "error.model.truncated", core.ErrCorrupt},
		{"header of 10 GB", weights.Single, func(t *testing.T, d string) {
			b := read(t, d+"/"+single)
			binary.LittleEndian.PutUint64(b, 10<<30)
			write(t, d+"/"+single, b)
		}, "error.model.header", core.ErrTooLarge},
		{"bytes behind the last tensor", weights.Single, func(t *testing.T, d string) {
			write(t, d+"/"+single, append(read(t, d+"/"+single), 0))
		}, "error.model.corrupt", core.ErrCorrupt},
		{"not a number", weights.Single, func(t *testing.T, d string) {
			b := read(t, d+"/"+single)
			binary.LittleEndian.PutUint16(b[len(b)-1000:], 0x7e00)
			write(t, d+"/"+single, b)
		}, "error.model.finite", core.ErrCorrupt},
		{"infinity in the last element", weights.TorchBin, func(t *testing.T, d string) {
			b := read(t, d+"/pytorch_model.bin")
			z, err := zip.OpenReader(d + "/pytorch_model.bin")
			if err != nil {
				t.Fatal(err)
			}
			defer z.Close()
			for _, f := range z.File {
				if f.Name == "archive/data/0" {
					at, err := f.DataOffset()
					if err != nil {
						t.Fatal(err)
					}
					binary.LittleEndian.PutUint16(b[at+int64(f.UncompressedSize64)-2:], 0xfc00)
				}
			}
			write(t, d+"/pytorch_model.bin", b)
		}, "error.model.finite", core.ErrCorrupt},
		{"another architecture", weights.Single, func(t *testing.T, d string) {
			edit(t, d+"/config.json", func(m map[string]any) { m["model_type"] = "llama" })
		}, "error.model.architecture.generator", core.ErrUnsupported},
		{"wider config", weights.Single, func(t *testing.T, d string) {
			edit(t, d+"/config.json", func(m map[string]any) { m["intermediate_size"] = 512 })
		}, "error.model.tensor.shape", core.ErrCorrupt},
		{"deeper config", weights.Single, func(t *testing.T, d string) {
			edit(t, d+"/config.json", func(m map[string]any) { m["num_hidden_layers"] = 3 })
		}, "error.model.tensor.missing", core.ErrNotFound},
		{"absurd config", weights.Single, func(t *testing.T, d string) {
			edit(t, d+"/config.json", func(m map[string]any) { m["hidden_size"] = 1 << 40 })
		}, "error.model.config", core.ErrCorrupt},
		{"no tokenizer", weights.Single, func(t *testing.T, d string) { os.Remove(d + "/spiece.model") }, "error.model.tokenizer.none", core.ErrNotFound},
		{"broken tokenizer", weights.Single, func(t *testing.T, d string) { write(t, d+"/spiece.model", []byte("\x0a\xff\xff")) }, "error.model.tokenizer.broken", core.ErrCorrupt},
		{"tokenizer of another vocabulary", weights.Single, func(t *testing.T, d string) {
			write(t, d+"/tokenizer.json", read(t, "../../resources/starter/tokenizer.json"))
		}, "error.model.tokenizer.vocabulary", core.ErrCorrupt},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := generate(t, tinyNeox, c.layout)
			if _, err := weights.Check(context.Background(), dir, weights.Generator, nil); err != nil {
				t.Fatalf("before: %v", err)
			}
			c.break_(t, dir)
			_, err := weights.Check(context.Background(), dir, weights.Generator, nil)
			if key(err) != c.key || !errors.Is(err, c.is) {
				t.Errorf("got %v (key %q), want key %q", err, key(err), c.key)
			}
		})
	}
}

// safetensors builds a file of a header and data of the given length.
func safetensors(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

var badHeaders = map[string][]byte{
	"overlap":         safetensors(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12),
	"hole":            safetensors(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12),
	"out of range":    safetensors(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 4),
	"shape":           safetensors(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8),
	"negative":        safetensors(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8),
	"backwards":       safetensors(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[8,0]}}`, 8),
	"overflow":        safetensors(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0),
	"overflow offset": safetensors(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[9223372036854775800,9223372036854775808]}}`, 8),
	"type":            safetensors(`{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}}`, 8),
	"no offsets":      safetensors(`{"a":{"dtype":"F32","shape":[2]}}`, 8),
	"not an object":   safetensors(`[]`, 0),
	"not JSON":        safetensors(`{"a"`, 0),
	"dimensions":      safetensors(`{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}`, 1),
}

func TestBadHeaders(t *testing.T) {
	for name, b := range badHeaders {
		dir := t.TempDir()
		write(t, dir+"/config.json", []byte("{}"))
		write(t, dir+"/model.safetensors", b)
		if f, err := weights.Open(dir); key(err) != "error.model.corrupt" && key(err) != "error.model.truncated" {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}

// bin makes a folder of one .bin file.
func bin(t testing.TB, file string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir+"/config.json", []byte("{}"))
	write(t, dir+"/pytorch_model.bin", read(t, file))
	return dir
}

func TestTorchFile(t *testing.T) {
	f, err := weights.Open(bin(t, "testdata/odd.bin"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lin := func(i, j, k int) float32 { return float32(i*20 + j*5 + k) }
	var whole, transposed, sliced, row []float32
	for i := range 3 {
		for j := range 4 {
			for k := range 5 {
				whole = append(whole, lin(i, j, k))
			}
		}
	}
	for k := range 5 {
		for j := range 4 {
			for i := range 3 {
				transposed = append(transposed, lin(i, j, k))
			}
		}
	}
	for i := 1; i < 3; i++ {
		for k := range 5 {
			sliced = append(sliced, lin(i, 2, k))
		}
	}
	row = whole[:20]
	for name, c := range map[string]struct {
		dtype weights.DType
		shape []int64
		want  []float32
	}{
		"lin": {weights.F32, []int64{3, 4, 5}, whole}, "transposed": {weights.F32, []int64{5, 4, 3}, transposed},
		"sliced": {weights.F32, []int64{2, 5}, sliced}, "scalar": {weights.F32, nil, []float32{3.5}},
		"i64": {weights.I64, []int64{5}, []float32{0, 1, 2, 3, 4}}, "empty": {weights.F32, []int64{0, 3}, nil},
		"parameter": {weights.F16, []int64{4, 5}, row}, "bf16": {weights.BF16, []int64{3, 4, 5}, whole},
		"boolean": {weights.BOOL, []int64{2}, []float32{1, 0}}, "u8": {weights.U8, []int64{6}, []float32{0, 1, 2, 3, 4, 5}},
		"f64": {weights.F64, []int64{3, 4, 5}, whole}, "i8": {weights.I8, []int64{6}, []float32{-3, -2, -1, 0, 1, 2}},
	} {
		x, err := f.Tensor(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := make([]float32, x.Elements())
		if err := x.Float32(got); err != nil || x.DType != c.dtype || !slices.Equal(x.Shape, c.shape) || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v %v %v (%v)", name, x.DType, x.Shape, got, err)
		}
	}
	if n := len(f.Names()); n != 12 {
		t.Errorf("%d tensors: %v", n, f.Names())
	}
}

func TestPickleRunsNothing(t *testing.T) {
	_, err := weights.Open(bin(t, "testdata/evil.bin"))
	if key(err) != "error.model.pickle" || !errors.Is(err, core.ErrUnsupported) || !strings.Contains(err.Error(), "system") {
		t.Errorf("evil.bin: %v", err)
	}
	for _, p := range []string{"pwned", "testdata/pwned"} {
		if _, err := os.Stat(p); err == nil {
			t.Errorf("%s exists: the pickle ran", p)
		}
	}
	if _, err := weights.Open(bin(t, "testdata/old.bin")); key(err) != "error.model.oldtorch" {
		t.Errorf("old.bin: %v", err)
	}
}

func TestHalfEveryValue(t *testing.T) {
	var raw []byte
	for h := range 1 << 16 {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(h))
	}
	x := weights.Tensor{Name: "h", DType: weights.F16, Shape: []int64{1 << 16}, Data: raw}
	got := make([]float32, 1<<16)
	if err := x.Float32(got); err != nil {
		t.Fatal(err)
	}
	for h, v := range got {
		sign, e, m := 1.0, h>>10&31, float64(h&0x3ff)
		if h>>15 == 1 {
			sign = -1
		}
		want := math.Copysign(math.Ldexp(1+m/1024, e-15), sign)
		switch {
		case e == 31 && m != 0:
			if !math.IsNaN(float64(v)) {
				t.Fatalf("%04x: %v", h, v)
			}
			continue
		case e == 31:
			want = math.Inf(int(sign))
		case e == 0:
			want = math.Copysign(m*0x1p-24, sign)
		}
		if float64(v) != want || math.Signbit(float64(v)) != (sign < 0) {
			t.Fatalf("%04x: %v, want %v", h, v, want)
		}
	}
}
