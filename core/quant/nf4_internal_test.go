package quant

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"kakoi/core"
)

func hash(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:8])
}

// goldenWeight is weight() of testdata/golden.py.
func goldenWeight(n int, seed uint32) []float32 {
	w := make([]float32, n)
	s := seed
	for i := range w {
		v := int64(-1 << 21)
		for range 4 {
			s ^= s << 13
			s ^= s >> 17
			s ^= s << 5
			v += int64(s >> 12)
		}
		w[i] = float32(float64(v) / (1 << 23))
	}
	for b := 0; b*64 < n; b++ {
		block := w[64*b : min(n, 64*b+64)]
		times := func(on bool, f float32) {
			for i := range block {
				if on {
					block[i] *= f
				}
			}
		}
		if b%11 == 5 {
			clear(block)
		}
		times(b%13 == 6, 0x1p-20)
		if b%17 == 8 {
			for i := range block {
				block[i] = block[0]
			}
		}
		if b%7 == 3 {
			clear(block[1:])
		}
		times(b%19 == 9, 0x1p-126)
		times(b%23 == 10, 0x1p-122)
	}
	return w
}

type goldenFile struct {
	Map   string `json:"map"`
	Cases []struct {
		Shape                                                        []int64
		DType, Packed, Absmax, Codes, Absmax2, Plain, Nested, Source string
		Offset                                                       float64
	} `json:"cases"`
	GPU   string             `json:"gpu"` // that the file was made on; empty: the CPU library with its differences taken out
	Means map[string]float64 `json:"means"`
}

func readGolden(t *testing.T, file string) (g goldenFile) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestBitExactToBitsandbytes compares every byte for 20 shapes of three types, with each golden file there is: nf4.json of the CPU library
// and, made on a GPU, nf4_cuda.json of the kernels themselves.
func TestBitExactToBitsandbytes(t *testing.T) {
	files, err := filepath.Glob("testdata/nf4*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { bitExact(t, readGolden(t, filepath.Base(file))) })
	}
}

func bitExact(t *testing.T, g goldenFile) {
	if got := hash(bytesOf(DynamicMap[:])); got != g.Map {
		t.Errorf("dynamic map differs: %v", DynamicMap)
	}
	if len(g.Cases) != 60 {
		t.Fatalf("%d golden cases, want 60", len(g.Cases))
	}
	for _, c := range g.Cases {
		t.Run(fmt.Sprint(c.Shape, c.DType), func(t *testing.T) {
			n := int(c.Shape[0] * c.Shape[1])
			w := goldenWeight(n, uint32(1234567+n))
			s, err := QuantizeNF4(w, c.DType, c.Shape, false)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := Quantize(encoded(w, c.DType), c.DType, c.Shape, false)
			if err != nil || hash(raw.Packed) != hash(s.Packed) || hash(bytesOf(raw.Absmax)) != hash(bytesOf(s.Absmax)) {
				t.Errorf("the weight as a file holds it gives other codes (%v)", err)
			}
			round, _ := rounder(c.DType)
			for i := range w {
				w[i] = round(w[i])
			}
			check := func(what, got, want string) {
				if got != want {
					t.Errorf("%s differs from bitsandbytes", what)
				}
			}
			check("source", hash(bytesOf(w)), c.Source)
			check("packed", hash(s.Packed), c.Packed)
			check("absmax", hash(bytesOf(s.Absmax)), c.Absmax)
			dst := make([]float32, n)
			if err := s.Dequantize(dst); err != nil {
				t.Fatal(err)
			}
			check("values", hash(bytesOf(dst)), c.Plain)

			// torch adds in another order on the CPU: the mean's last bits differ; everything after it must not.
			if m := Mean(s.Absmax); g.GPU != "" && float64(m) != c.Offset || math.Abs(float64(m)-c.Offset) > c.Offset*0x1p-21 {
				t.Errorf("offset %v, want %v", m, c.Offset)
			}
			s.Nested, s.Absmax = nest(s.Absmax, float32(c.Offset)), nil
			check("nested codes", hash(s.Nested.Codes), c.Codes)
			check("nested absmax", hash(bytesOf(s.Nested.Absmax)), c.Absmax2)
			if err := s.Dequantize(dst); err != nil {
				t.Fatal(err)
			}
			check("nested values", hash(bytesOf(dst)), c.Nested)
		})
	}
}

// scalesFor is scales() of testdata/golden.py.
func scalesFor(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		h := uint32(i)*2654435761 + 12345
		h ^= h >> 16
		h *= 0x7feb352d
		h ^= h >> 15
		v[i] = float32(h>>8)*0x1p-26 + 0.03
	}
	return v
}

// TestMean holds Mean against a sum in float64, and against torch's own on a GPU where a golden file has it.
func TestMean(t *testing.T) {
	for _, n := range []int{1, 2, 5, 31, 64, 100, 127, 128, 129, 511, 1000, 4097, 65536, 123904, 131071, 131072, 371712, 495616} {
		v := scalesFor(n)
		sum := 0.0
		for _, x := range v {
			sum += float64(x)
		}
		if m := float64(Mean(v)); math.Abs(m-sum/float64(n)) > 1e-6*m {
			t.Errorf("mean of %d: %v, want %v", n, m, sum/float64(n))
		}
	}
	if Mean(nil) != 0 {
		t.Error("mean of nothing")
	}
	files, _ := filepath.Glob("testdata/nf4_cuda.json")
	for range files {
		for n, want := range readGolden(t, "nf4_cuda.json").Means {
			k, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			if m := float64(Mean(scalesFor(k))); m != want {
				t.Errorf("mean of %s: %v, torch has %v", n, m, want)
			}
		}
	}
}

// TestCodesDoNotDependOnTheReciprocal is the proof that the codes of 16-bit weights are the kernel's although its reciprocal may be off
// by one in the last place: over all pairs of a weight and an absmax, as their significands and the exponents between them, a
// reciprocal that is one place off changes one code of halves and none of bfloat16.
func TestCodesDoNotDependOnTheReciprocal(t *testing.T) {
	for bits, want := range map[uint]int{7: 0, 10: 1} {
		changed := 0
		n := 1 << bits
		for q := range n {
			absmax := 1 + float32(q)/float32(n)
			inverse := reciprocal(absmax)
			for _, other := range []float32{math.Nextafter32(inverse, 0), math.Nextafter32(inverse, 2)} {
				for p := range n {
					for exponent := range 6 { // below 1/32 every code is that of zero
						w := (1 + float32(p)/float32(n)) / float32(int(1)<<exponent)
						if w > absmax {
							continue
						}
						for _, w := range []float32{w, -w} {
							if encode(w*other) != encode(w*inverse) {
								changed++
								if w != -1206.0/1024 || absmax != 1975.0/1024 {
									t.Errorf("%v beside %v", w, absmax)
								}
							}
						}
					}
				}
			}
		}
		if changed != want {
			t.Errorf("%d codes of numbers with %d bits change, want %d", changed, bits, want)
		}
	}
}

func TestCodeIsEncode(t *testing.T) {
	check := func(x float32) {
		if code(x) != encode(x) {
			t.Fatalf("code(%v) = %d, want %d", x, code(x), encode(x))
		}
	}
	for i := range 1 << 20 {
		check(float32(i)/(1<<19) - 1)
	}
	for _, v := range append(thresholds[:], 1, -1, 0) {
		for _, w := range []float32{v, math.Nextafter32(v, 2), math.Nextafter32(v, -2)} {
			check(w)
		}
	}
	for i := -33; i <= 33; i++ { // the borders of the cells
		v := (float32(i) + 0.5) / 32
		for _, w := range []float32{v, math.Nextafter32(v, 2), math.Nextafter32(v, -2)} {
			if w >= -1.0000002 && w <= 1.0000002 {
				check(w)
			}
		}
	}
}

func TestThresholdsAreMidpoints(t *testing.T) {
	for i, v := range thresholds {
		if m := (NF4[i] + NF4[i+1]) / 2; math.Abs(float64(m-v)) > 0x1p-24 {
			t.Errorf("threshold %d is %v, the midpoint %v", i, v, m)
		}
		if encode(v) != byte(i) || encode(math.Nextafter32(v, 2)) != byte(i+1) {
			t.Errorf("threshold %d is not strict", i)
		}
	}
	if encode(float32(math.NaN())) != 0 {
		t.Error("NaN must get code 0")
	}
}

func TestNotFinite(t *testing.T) {
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		w := make([]float32, 1024)
		w[700] = bad
		if _, err := QuantizeNF4(w, "float32", []int64{16, 64}, true); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	// 65520 rounds to infinity in float16.
	if _, err := QuantizeNF4([]float32{65520, 1}, "float16", []int64{1, 2}, false); !errors.Is(err, core.ErrCorrupt) {
		t.Error("float16 overflow was accepted")
	}
}

func TestRoundF16EveryValue(t *testing.T) {
	// Between two neighbours the nearest wins, the even one on a tie; magnitude order of the patterns is that of the values.
	value := func(h uint16) float64 {
		if h < 0x400 {
			return float64(h) * 0x1p-24
		}
		return math.Ldexp(1+float64(h&0x3ff)/1024, int(h>>10)-15)
	}
	for h := uint16(0); h < 0x7bff; h++ {
		a, b := value(h), value(h+1)
		mid := float32((a + b) / 2)
		even := a
		if h&1 == 1 {
			even = b
		}
		for in, want := range map[float32]float64{float32(a): a, mid: even, math.Nextafter32(mid, 0): a, math.Nextafter32(mid, 1e6): b} {
			if got := roundF16(in); float64(got) != want || float64(roundF16(-in)) != -want {
				t.Fatalf("roundF16(%v) = %v, want %v", in, got, want)
			}
		}
	}
}

func TestMarshalRoundTrip(t *testing.T) {
	for _, nested := range []bool{false, true} {
		w := goldenWeight(70*131, 99)
		s, err := QuantizeNF4(w, "bfloat16", []int64{70, 131}, nested)
		if err != nil {
			t.Fatal(err)
		}
		entries := map[string][]byte{}
		for _, e := range s.Marshal() {
			entries[e.Suffix] = e.Data
		}
		get := func(k string) ([]byte, bool) { b, ok := entries[k]; return b, ok }
		u, err := Unmarshal(get)
		if err != nil {
			t.Fatal(err)
		}
		a, b := make([]float32, len(w)), make([]float32, len(w))
		if s.Dequantize(a) != nil || u.Dequantize(b) != nil || hash(bytesOf(a)) != hash(bytesOf(b)) {
			t.Error("values differ after Marshal and Unmarshal")
		}
		half := make([]float32, 64*40+7)
		if err := u.DequantizeRange(half, 64*3); err != nil || hash(bytesOf(half)) != hash(bytesOf(a[64*3:64*43+7])) {
			t.Errorf("range differs: %v", err)
		}
		for k := range entries {
			keep := entries[k]
			if len(keep) > 0 {
				entries[k] = keep[:len(keep)-1]
				if _, err := Unmarshal(get); !errors.Is(err, core.ErrCorrupt) {
					t.Errorf("short %q: %v", k, err)
				}
			}
			entries[k] = keep
		}
		entries[keyState] = []byte(`{"quant_type": "fp4", "blocksize": 64}`)
		if _, err := Unmarshal(get); !errors.Is(err, core.ErrUnsupported) {
			t.Errorf("fp4: %v", err)
		}
	}
}

func TestPythonFloat(t *testing.T) {
	for v, want := range map[float64]string{1: "1.0", 0.09161869436502457: "0.09161869436502457", 1e-5: "1e-05", 1.5e-7: "1.5e-07", 0: "0.0", 1e16: "1e+16"} {
		if got := pythonFloat(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func BenchmarkDequantize(b *testing.B) {
	s, err := QuantizeNF4(goldenWeight(1<<20, 7), "float16", []int64{1024, 1024}, true)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]float32, 1<<20)
	b.SetBytes(4 << 20)
	for b.Loop() {
		if err := s.Dequantize(dst); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuantize(b *testing.B) {
	w := make([]float32, 1<<22) // as a model has them: about 0.02
	s := uint32(7)
	for i := range w {
		for range 4 {
			s ^= s << 13
			s ^= s >> 17
			s ^= s << 5
			w[i] += float32(int32(s)) * 0x1p-38
		}
	}
	for _, dtype := range []string{"bfloat16", "float16", "float32"} {
		raw := encoded(w, dtype)
		b.Run(dtype, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := Quantize(raw, dtype, []int64{1 << 11, 1 << 11}, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// encoded is w as a file holds it.
func encoded(w []float32, dtype string) []byte {
	round, err := rounder(dtype)
	if err != nil {
		panic(err)
	}
	var out []byte
	for _, v := range w {
		u := math.Float32bits(round(v))
		switch dtype {
		case "float32":
			out = binary.LittleEndian.AppendUint32(out, u)
		case "bfloat16":
			out = binary.LittleEndian.AppendUint16(out, uint16(u>>16))
		case "float16":
			h := uint16(u>>16&0x8000) | 0x7c00
			if a := math.Abs(float64(round(v))); a < 0x1p-14 {
				h = h&0x8000 | uint16(a*0x1p24)
			} else if a < 65536 {
				h = h&0x8000 | uint16(u>>13&0x3ff) | uint16(u>>23&0xff-112)<<10
			}
			out = binary.LittleEndian.AppendUint16(out, h)
		}
	}
	return out
}
