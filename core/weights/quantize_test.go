package weights_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/weights"
)

const fourBit = "testdata/4bit"

// tensorsOf reads all tensors of a folder.
func tensorsOf(t *testing.T, dir string) map[string]weights.Tensor {
	t.Helper()
	f, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	all := map[string]weights.Tensor{}
	for _, name := range f.Names() {
		if all[name], err = f.Tensor(name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestQuantizedIsBitsandbytes quantises the folder that transformers and bitsandbytes quantised, and compares tensor by tensor.
func TestQuantizedIsBitsandbytes(t *testing.T) {
	dst := filepath.Join(t.TempDir(), "made")
	if err := weights.Quantize(context.Background(), fourBit+"/full", dst, nil); err != nil {
		t.Fatal(err)
	}
	theirs, ours := tensorsOf(t, fourBit+"/theirs"), tensorsOf(t, dst)
	if len(ours) != len(theirs) {
		t.Errorf("%d tensors, theirs %d", len(ours), len(theirs))
	}
	for name, want := range theirs {
		got, ok := ours[name]
		switch {
		case !ok || got.DType != want.DType:
			t.Errorf("%s: %v, want %v", name, got.DType, want.DType)
		case strings.HasSuffix(name, ".bitsandbytes__nf4"):
			// The offset is torch's mean, in the order of a GPU's sum here and of a CPU's there.
			var a, b map[string]any
			if err := errors.Join(json.Unmarshal(got.Data, &a), json.Unmarshal(want.Data, &b)); err != nil {
				t.Fatal(err)
			}
			x, y := a["nested_offset"].(float64), b["nested_offset"].(float64)
			delete(a, "nested_offset")
			delete(b, "nested_offset")
			p, _ := json.Marshal(a)
			q, _ := json.Marshal(b)
			if math.Abs(x-y) > 1e-7*y || !bytes.Equal(p, q) {
				t.Errorf("%s: %s, want %s; offset %v, want %v", name, p, q, x, y)
			}
		case strings.HasSuffix(name, ".nested_absmax"):
			for i := 0; i < len(want.Data); i += 4 {
				x, y := math.Float32frombits(binary.LittleEndian.Uint32(got.Data[i:])), math.Float32frombits(binary.LittleEndian.Uint32(want.Data[i:]))
				if math.Abs(float64(x-y)) > 1e-6*float64(y) {
					t.Errorf("%s: %v, want %v", name, x, y)
				}
			}
		case !bytes.Equal(got.Data, want.Data):
			t.Errorf("%s differs", name)
		}
	}
	// What transformers was given: the script beside it loads testdata/4bit/ours.
	for _, name := range []string{"config.json", "model.safetensors"} {
		a, err := os.ReadFile(filepath.Join(dst, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(fourBit, "ours", name))
		if name == "config.json" {
			a, b = withoutStamp(t, a), withoutStamp(t, b)
		}
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not what transformers loaded (%v)", name, err)
		}
	}
}

// withoutStamp is a config.json without the times of the files it was made of.
func withoutStamp(t *testing.T, b []byte) []byte {
	t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if m["kakoi_source"] == nil || m["quantization_config"] == nil {
		t.Errorf("config.json: %s", b)
	}
	delete(m, "kakoi_source")
	b, _ = json.Marshal(m)
	return b
}

// TestBitsandbytesFolderLoads holds every matrix of both folders against what bitsandbytes dequantises.
func TestBitsandbytesFolderLoads(t *testing.T) {
	raw, err := os.ReadFile(fourBit + "/4bit.json")
	if err != nil {
		t.Fatal(err)
	}
	var g map[string]json.RawMessage
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"theirs", "ours"} {
		var want struct{ Linears map[string]string }
		if err := json.Unmarshal(g[name], &want); err != nil || len(want.Linears) != 4 {
			t.Fatalf("%s: %d matrices, %v", name, len(want.Linears), err)
		}
		f, err := weights.Open(filepath.Join(fourBit, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for matrix, sum := range want.Linears {
			l, err := f.Linear(matrix)
			if err != nil {
				t.Fatal(err)
			}
			v := make([]float32, l.Out*l.In)
			if err := l.Float32(v); err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			for _, x := range v {
				h.Write(binary.LittleEndian.AppendUint16(nil, half(x)))
			}
			if got := hex.EncodeToString(h.Sum(nil)[:8]); got != sum {
				t.Errorf("%s: %s differs from what bitsandbytes dequantises", name, matrix)
			}
		}
	}
}

// half rounds to the nearest float16, ties to even.
func half(x float32) uint16 {
	sign := uint16(math.Float32bits(x) >> 16 & 0x8000)
	a := math.Abs(float64(x))
	if a < 0x1p-14 {
		return sign | uint16(math.RoundToEven(a*0x1p24))
	}
	f, e := math.Frexp(a) // a = f 2^e, f in [0.5, 1)
	return sign + uint16((e+13)<<10) + uint16(math.RoundToEven((2*f-1)*1024)) + 1<<10
}

// TestQuantizeEveryLayout gives the same tensors from one file, shards and torch's files.
func TestQuantizeEveryLayout(t *testing.T) {
	var first map[string]weights.Tensor
	for _, layout := range []weights.Layout{weights.Single, weights.Sharded, weights.TorchBin, weights.TorchShard} {
		src := filepath.Join(t.TempDir(), "src")
		g := weights.GenerateParams{Shape: tinyNeox, Layout: layout, Seed: 5, ShardBytes: 20000, Files: map[string][]byte{"tokenizer_config.json": []byte("{}")}}
		if err := weights.Generate(context.Background(), src, g, nil); err != nil {
			t.Fatal(err)
		}
		dst := filepath.Join(filepath.Dir(src), "dst")
		var last core.Update
		if err := weights.Quantize(context.Background(), src, dst, func(u core.Update) { last = u }); err != nil {
			t.Fatal(err)
		}
		if last.Stage != "quantize" || last.Done != last.Total || last.Total == 0 {
			t.Errorf("%s: last update %+v", layout, last)
		}
		if _, err := os.Stat(filepath.Join(dst, "tokenizer_config.json")); err != nil {
			t.Errorf("%s: %v", layout, err)
		}
		all := tensorsOf(t, dst)
		if first == nil {
			first = all
		}
		for name, x := range first {
			if !bytes.Equal(all[name].Data, x.Data) {
				t.Errorf("%s: %s differs", layout, name)
			}
		}
		if len(all) != len(first) {
			t.Errorf("%s: %d tensors, want %d", layout, len(all), len(first))
		}
		if entries, _ := os.ReadDir(filepath.Dir(src)); len(entries) != 2 {
			t.Errorf("%s left behind: %v", layout, entries)
		}
	}
}

func TestQuantizeLeavesNothingHalf(t *testing.T) {
	src := filepath.Join(t.TempDir(), "src")
	s := tinyNeox
	if err := weights.Generate(context.Background(), src, weights.GenerateParams{Shape: s, Layout: weights.Single}, nil); err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(filepath.Dir(src), "dst")
	nothing := func(what string) {
		t.Helper()
		if entries, _ := os.ReadDir(filepath.Dir(dst)); len(entries) != 1 {
			t.Errorf("%s left behind: %v", what, entries)
		}
	}
	for after := range 8 { // cancelled at each matrix and at the end
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		err := weights.Quantize(ctx, src, dst, func(u core.Update) {
			if n++; n > after {
				cancel()
			}
		})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled after %d: %v", after, err)
		}
		nothing("cancelling")
	}
	raw, err := os.ReadFile(src + "/model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(src)
	if err != nil {
		t.Fatal(err)
	}
	const victim = "gpt_neox.layers.1.mlp.dense_4h_to_h.weight"
	at, ok := f.Extent(victim)
	if f.Close(); !ok {
		t.Fatal("no such tensor")
	}
	binary.LittleEndian.PutUint16(raw[at.Offset+200:], 0x7e00)
	write(t, src+"/model.safetensors", raw)
	var u *core.UserError
	if err := weights.Quantize(context.Background(), src, dst, nil); !errors.Is(err, core.ErrCorrupt) || !errors.As(err, &u) || u.Args[0] != victim {
		t.Errorf("a NaN: %v", err)
	}
	nothing("a NaN")
	if err := weights.Quantize(context.Background(), fourBit+"/theirs", dst, nil); !errors.Is(err, core.ErrUnsupported) {
		t.Errorf("quantised twice: %v", err)
	}
	if err := os.Mkdir(dst, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := weights.Quantize(context.Background(), fourBit+"/full", dst, nil); !errors.Is(err, core.ErrBusy) {
		t.Errorf("onto a folder: %v", err)
	}
}

// TestTwoWriters: of several that write the same form at once one succeeds, and what stands there afterwards is whole and alone.
func TestTwoWriters(t *testing.T) {
	src := filepath.Join(t.TempDir(), "src")
	if err := weights.Generate(context.Background(), src, weights.GenerateParams{Shape: tinyNeox, Layout: weights.Single}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(src)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dst := filepath.Join(src, weights.Cache4Bit)
	errs := make([]error, 4)
	var begun, done sync.WaitGroup
	begun.Add(len(errs))
	for i := range errs {
		done.Go(func() {
			first := true
			errs[i] = f.Quantize(context.Background(), dst, "", func(core.Update) {
				if first { // all have looked for the folder and not found it
					first = false
					begun.Done()
					begun.Wait()
				}
			})
		})
	}
	done.Wait()
	succeeded := 0
	for _, err := range errs {
		if err == nil {
			succeeded++
		}
	}
	if succeeded != 1 {
		t.Errorf("%d of %d succeeded: %v", succeeded, len(errs), errs)
	}
	made, err := weights.Open4BitOf(dst, f)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := made.Linear("gpt_neox.layers.0.attention.dense.weight"); err != nil || l.Quant == nil {
		t.Errorf("%+v, %v", l, err)
	}
	made.Close()
	verifyFinds(t, made)
	if left, _ := filepath.Glob(filepath.Join(src, ".nf4-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := weights.Open4BitOf(filepath.Join(src, "nothing"), f); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("without a form: %v", err)
	}
}

// verifyFinds: a 4-bit form passes as it was written, and not with any bit changed, cut or grown, nor without its last checksum.
func verifyFinds(t *testing.T, f *weights.Folder) {
	t.Helper()
	ctx := context.Background()
	if err := f.Verify(ctx); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"model.safetensors", "model.crc32c"} {
		path := filepath.Join(f.Dir(), name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for what, bad := range map[string][]byte{
			"first bit": append([]byte{good[0] ^ 1}, good[1:]...), "last byte": append(bytes.Clone(good[:len(good)-2]), good[len(good)-2]^16, good[len(good)-1]),
			"cut": good[:len(good)-3], "grown": append(bytes.Clone(good), 'x'), "empty": nil,
		} {
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := f.Verify(ctx); !errors.Is(err, core.ErrCorrupt) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sums := filepath.Join(f.Dir(), "model.crc32c")
	good, err := os.ReadFile(sums)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(f.Dir(), "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	none := fmt.Appendf(nil, `{"size":%d,"piece":%d,"crc32c":[]}`, info.Size(), int64(math.MaxInt64)) // nothing would be compared
	if err := os.WriteFile(sums, none, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Verify(ctx); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("pieces without end: %v", err)
	}
	if err := os.WriteFile(sums, good, 0o600); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if err := f.Verify(over); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestSweep: what a killed process left is removed by the next, what another is writing is not.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{".nf4-killed", ".nf4-working", ".nf4-fresh"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if name != ".nf4-fresh" {
			if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	held, err := os.Open(filepath.Join(dir, ".nf4-working"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := weights.Quantize(context.Background(), fourBit+"/full", filepath.Join(dir, "dst"), nil); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".nf4-*"))
	if err != nil || len(left) != 2 || filepath.Base(left[0]) != ".nf4-fresh" || filepath.Base(left[1]) != ".nf4-working" {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestCacheFollowsItsSource: a 4-bit folder inside the model's is no part of it, and is out of date when the model changes.
func TestCacheFollowsItsSource(t *testing.T) {
	src := filepath.Join(t.TempDir(), "src")
	if err := weights.Generate(context.Background(), src, weights.GenerateParams{Shape: tinyNeox, Layout: weights.Sharded, ShardBytes: 20000}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(src)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	id, err := f.ID(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(src, weights.Cache4Bit)
	if weights.Made4BitOf(dst, f) {
		t.Error("made before it was")
	}
	if err := f.Quantize(context.Background(), dst, id, nil); err != nil {
		t.Fatal(err)
	}
	if !weights.Made4BitOf(dst, f) {
		t.Error("out of date at once")
	}
	if again, err := f.ID(context.Background(), nil); err != nil || again != id {
		t.Errorf("the 4-bit folder changed the model's ID: %s, %v", again, err)
	}
	if weights.Made4BitOf(fourBit+"/ours", f) {
		t.Error("another model's 4-bit folder was taken for this one's")
	}
	write(t, src+"/generation_config.json", []byte("{}"))
	if weights.Made4BitOf(dst, f) {
		t.Error("the model changed and its 4-bit folder did not")
	}
}

func BenchmarkQuantizeFolder(b *testing.B) {
	src := filepath.Join(b.TempDir(), "src")
	s := weights.Rinna4B
	s.Layers, s.Vocab = 2, 1024
	if err := weights.Generate(context.Background(), src, weights.GenerateParams{Shape: s, Layout: weights.Single}, nil); err != nil {
		b.Fatal(err)
	}
	f, err := weights.Open(src)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(f.Bytes())
	f.Close()
	for b.Loop() {
		dst := filepath.Join(b.TempDir(), "dst")
		if err := weights.Quantize(context.Background(), src, dst, nil); err != nil {
			b.Fatal(err)
		}
	}
}
