package e5_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/bert"
	"kakoi/core/bert/e5"
	"kakoi/core/token"
	"kakoi/core/weights"
)

// small is a model file of one layer, 64 wide, with few pieces.
func small() []byte {
	var b bytes.Buffer
	put := func(vs ...any) {
		for _, v := range vs {
			_ = binary.Write(&b, binary.LittleEndian, v) // into memory
		}
	}
	pieces := []string{"<s>", "<pad>", "</s>", "<unk>", "\u2581", "a", "b", "ab", "倉庫", "カ", "\u2581ab", "<", ">", "s", "/", "<mask>"}
	b.WriteString("E5S1")
	put(uint32(1), int32(64), int32(1), int32(4), int32(96), int32(20), int32(10), int32(2), float32(1e-12), int32(32))
	put(int32(len(pieces)), int32(0), int32(2), int32(1), int32(3), uint64(len(strings.Join(pieces, ""))))
	at := uint32(0)
	for _, p := range pieces {
		put(at)
		at += uint32(len(p))
	}
	put(at)
	for i := range pieces {
		put(float32(-i))
	}
	b.WriteString(strings.Join(pieces, ""))
	var table bytes.Buffer
	n := 0
	for _, e := range []struct{ from, to string }{{"Ａ", "a"}, {"ｶ", "カ"}, {"\u3000", " "}, {"\u200b", ""}, {"㍿", "株式会社"}, {"\t", " "}} {
		_ = binary.Write(&table, binary.LittleEndian, []rune(e.from))
		table.WriteByte(byte(len([]rune(e.to))))
		_ = binary.Write(&table, binary.LittleEndian, []rune(e.to))
		n++
	}
	put(int32(n), uint32(table.Len()))
	b.Write(table.Bytes())

	type tensor struct {
		name string
		n    int
		q4   bool
	}
	list := []tensor{{"emb.word", 20 * 64, true}, {"emb.pos", 10 * 64, false}, {"emb.type", 2 * 64, false}, {"emb.ln.w", 64, false}, {"emb.ln.b", 64, false}}
	for _, m := range []string{"q", "k", "v", "ao"} {
		list = append(list, tensor{"l0." + m + ".w", 64 * 64, true}, tensor{"l0." + m + ".b", 64, false})
	}
	list = append(list, tensor{"l0.fi.w", 96 * 64, true}, tensor{"l0.fi.b", 96, false}, tensor{"l0.fo.w", 64 * 96, true}, tensor{"l0.fo.b", 64, false})
	for _, m := range []string{"aln", "oln"} {
		list = append(list, tensor{"l0." + m + ".w", 64, false}, tensor{"l0." + m + ".b", 64, false})
	}
	bytesOf := func(t tensor) int {
		if t.q4 {
			return t.n / 32 * 18
		}
		return 4 * t.n
	}
	size := 4
	for _, t := range list {
		size += 2 + len(t.name) + 1 + 4 + 8 + 8
	}
	offset := b.Len() + size
	put(int32(len(list)))
	for _, t := range list {
		put(uint16(len(t.name)), []byte(t.name), uint8(0), uint32(t.n), uint64(offset), uint64(bytesOf(t)))
		offset += bytesOf(t)
	}
	for _, t := range list {
		for i := range t.n {
			switch {
			case !t.q4:
				put(float32(i) / 64)
			case i%32 == 0:
				put(uint16(0x3800)) // 0.5
				for j := range 16 {
					put(uint8(j | (15-j)<<4)) // element j is j - 8, element j+16 is 7 - j
				}
			}
		}
	}
	return b.Bytes()
}

func convert(t *testing.T, data []byte) (string, error) {
	t.Helper()
	in, out := filepath.Join(t.TempDir(), "in.bin"), filepath.Join(t.TempDir(), "sub", "model")
	if err := os.WriteFile(in, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return out, e5.Convert(context.Background(), in, out, nil)
}

func TestConvert(t *testing.T) {
	dir, err := convert(t, small())
	if err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cfg bert.Config
	if err := f.Config(&cfg); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil || cfg.Hidden != 64 || cfg.Vocab != 20 || cfg.Eps != 1e-12 || cfg.Inner != 96 {
		t.Errorf("config %+v: %v", cfg, err)
	}
	if got := len(f.Names()); got != 5+16 {
		t.Errorf("%d tensors", got)
	}
	check := func(name string, shape []int64, want func(i int) float32) {
		x, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		vals := make([]float32, x.Elements())
		if err := x.Float32(vals); err != nil {
			t.Fatal(err)
		}
		if x.DType != weights.F16 || !slices.Equal(x.Shape, shape) {
			t.Errorf("%s: %v %v", name, x.DType, x.Shape)
		}
		for i, v := range vals {
			if v != want(i) {
				t.Fatalf("%s[%d] = %v, want %v", name, i, v, want(i))
			}
		}
	}
	block := func(i int) float32 {
		if j := i % 32; j < 16 {
			return float32(j-8) * 0.5
		} else {
			return float32(7-(j-16)) * 0.5
		}
	}
	check("embeddings.word_embeddings.weight", []int64{20, 64}, block)
	check("encoder.layer.0.output.dense.weight", []int64{64, 96}, block)
	check("encoder.layer.0.intermediate.dense.bias", []int64{96}, func(i int) float32 { return float32(i) / 64 })

	l, err := bert.ReadLayout(dir)
	if err != nil || l.Query != "query: " || l.Passage != "passage: " || !slices.Equal(l.Pooling, []string{"mean"}) || l.MaxTokens != 10 {
		t.Errorf("layout %+v: %v", l, err)
	}
	tok, err := token.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tok.Close()
	for text, want := range map[string][]int32{
		"ab":            {0, 10, 2},
		"Ａb":            {0, 10, 2},            // by the table
		"ab\u3000\t ab": {0, 10, 10, 2},        // spaces become one
		"倉\u200b庫ｶ":     {0, 4, 8, 9, 2},       // nothing for a character that maps to nothing
		"<s>":           {0, 4, 11, 13, 12, 2}, // a special token's name is text
		"㍿":             {0, 4, 3, 2},          // neighbouring unknown characters are one
		"":              {0, 2},
	} {
		if got := tok.EncodeSpecial(text); !slices.Equal(got, want) {
			t.Errorf("ids of %q: %v, want %v", text, got, want)
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	good := small()
	change := func(at int, b ...byte) []byte {
		x := bytes.Clone(good)
		copy(x[at:], b)
		return x
	}
	for name, data := range map[string][]byte{
		"empty":            {},
		"other magic":      change(0, 'X'),
		"no heads":         change(16, 0, 0, 0, 0),
		"huge hidden":      change(8, 255, 255, 255, 127),
		"more layers":      change(12, 2),
		"negative pieces":  change(44, 255, 255, 255, 255),
		"special piece":    change(48, 99),
		"blob length":      change(64, 255, 255, 255, 255, 255),
		"piece offsets":    change(76, 200),
		"cut in the data":  good[:len(good)-1],
		"cut in the table": good[:300],
	} {
		dir, err := convert(t, data)
		if !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		left, _ := os.ReadDir(filepath.Dir(dir)) // not there: fine
		if len(left) != 0 {
			t.Errorf("%s: %v left behind", name, left)
		}
	}
	if _, err := convert(t, change(4, 2)); !errors.Is(err, core.ErrUnsupported) {
		t.Errorf("version 2: %v", err)
	}
	// A folder that is there already is left alone.
	dir := t.TempDir()
	in := filepath.Join(t.TempDir(), "in.bin")
	if err := os.WriteFile(in, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e5.Convert(context.Background(), in, dir, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("folder exists: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e5.Convert(ctx, in, filepath.Join(dir, "new"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("cancelled: %v left behind", left)
	}
}

// No damage of the file may do worse than an error.
func FuzzConvert(f *testing.F) {
	good := small()
	f.Add(uint(100), byte(1))
	for i := uint(0); i < 700; i += 3 {
		f.Add(i, byte(255))
		f.Add(i, byte(0))
	}
	f.Fuzz(func(t *testing.T, at uint, v byte) {
		x := bytes.Clone(good)
		x[at%uint(len(x))] = v
		dir, err := convert(t, x)
		if _, serr := os.Stat(dir); (serr == nil) != (err == nil) {
			t.Errorf("error %v, folder %v", err, serr)
		}
	})
}

func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		v := e5.FromHalf(uint16(h))
		if math.IsNaN(float64(v)) {
			continue
		}
		if got := e5.ToHalf(v); got != uint16(h) {
			t.Fatalf("half %#x is %v and comes back as %#x", h, v, got)
		}
	}
	for v, want := range map[float32]uint16{65519: 0x7bff, 65520: 0x7c00, 1 + 1.0/2048: 0x3c00, 1 + 3.0/2048: 0x3c02, 1e-9: 0, 5.9604645e-8: 1, -2: 0xc000} {
		if got := e5.ToHalf(v); got != want {
			t.Errorf("%v is %#x, want %#x", v, got, want)
		}
	}
}
