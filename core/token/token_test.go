package token_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"kakoi/core"
	"kakoi/core/token"
)

func load(t *testing.T, name string) *token.Tokenizer {
	t.Helper()
	tk, err := token.FromSentencePiece(spiece(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

// TestLoadTakesTheOriginal: the starter model has both files; its spiece.model is the one it was trained with.
func TestLoadTakesTheOriginal(t *testing.T) {
	tk, err := token.Load("../../resources/starter")
	if err != nil {
		t.Fatal(err)
	}
	if bad := compare(t, "starter.spm", tk.Encode); bad != 0 {
		t.Errorf("ids of %d of 2,000 lines differ from spm_encode", bad)
	}
	for _, name := range []string{"</s>", "<s>", "<pad>"} {
		if ids := tk.Encode("a" + name + "b"); slices.ContainsFunc(ids, func(id int32) bool { return id < 4 }) {
			t.Errorf("%s in a text became a special token: %v", name, ids)
		}
	}
	if tk.VocabSize() != 16384 {
		t.Errorf("%d ids", tk.VocabSize())
	}
}

// TestBytesComeBack: with byte fallback and the identity normaliser ids lose nothing, in any cut.
func TestBytesComeBack(t *testing.T) {
	tk := load(t, "starter")
	for _, l := range lines(t) {
		ids := tk.Encode(l)
		var parts []byte
		for _, id := range ids {
			parts = append(parts, tk.DecodeBytes([]int32{id})...)
		}
		l = strings.ReplaceAll(l, "\u2581", " ") // the model cannot tell the two apart
		if string(parts) != l || tk.Decode(ids) != l {
			t.Fatalf("%q came back as %q and %q", l, parts, tk.Decode(ids))
		}
	}
	if got := tk.Decode([]int32{1, 306, 2, -5, 1 << 30}); got != string(tk.DecodeBytes([]int32{306})) {
		t.Errorf("special and unknown ids decode to %q", got)
	}
}

func TestDummyPrefixIsTakenOff(t *testing.T) {
	tk := load(t, "nfkc")
	if got := tk.Decode(tk.Encode("ﾃﾞｰﾀ  と①")); got != "データ と1" {
		t.Errorf("got %q", got)
	}
	if got := string(tk.DecodeBytes(tk.Encode("データ"))); got != " データ" {
		t.Errorf("bytes %q", got)
	}
}

func TestInvalidUTF8(t *testing.T) {
	tk := load(t, "starter")
	if got := tk.Decode(tk.Encode("a\xffb\xe3\x81")); got != "a\uFFFDb\uFFFD\uFFFD" {
		t.Errorf("got %q", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	tk := load(t, "starter")
	all := lines(t)[:200]
	want := make([][]int32, len(all))
	for i, l := range all {
		want[i] = tk.Encode(l)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i, l := range all {
				if !slices.Equal(tk.Encode(l), want[i]) {
					t.Errorf("line %d differs", i)
				}
			}
		})
	}
	wg.Wait()
}

func TestBrokenTokenizers(t *testing.T) {
	bpe := append([]byte{0x0a, 0x05, 0x0a, 0x01, 'a', 0x18, 0x01}, 0x12, 0x02, 0x18, 0x02) // one piece; model_type 2
	for name, c := range map[string]struct {
		file string
		data []byte
		is   error
	}{
		"cut":         {"spiece.model", spiece(t, "plain")[:5000], core.ErrCorrupt},
		"empty":       {"spiece.model", nil, core.ErrCorrupt},
		"no unknown":  {"spiece.model", []byte{0x0a, 0x05, 0x0a, 0x01, 'a', 0x18, 0x01}, core.ErrCorrupt},
		"BPE":         {"spiece.model", bpe, core.ErrUnsupported},
		"charsmap":    {"spiece.model", []byte{0x0a, 0x03, 0x0a, 0x01, 'a', 0x1a, 0x06, 0x12, 0x04, 0xff, 0xff, 0xff, 0xff}, core.ErrCorrupt},
		"no JSON":     {"tokenizer.json", []byte("{"), core.ErrCorrupt},
		"bad piece":   {"tokenizer.json", []byte(`{"model":{"type":"Unigram","unk_id":0,"vocab":[["a"]]}}`), core.ErrCorrupt},
		"bad unknown": {"tokenizer.json", []byte(`{"pre_tokenizer":{"type":"Metaspace","replacement":"▁"},"model":{"type":"Unigram","unk_id":7,"vocab":[["a",0]]}}`), core.ErrCorrupt},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, c.file), c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := token.Load(dir)
		var u *core.UserError
		if !errors.Is(err, c.is) || !errors.As(err, &u) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := token.Load(t.TempDir()); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("empty folder: %v", err)
	}
}

func TestSpieceConfig(t *testing.T) {
	cfg, err := token.ParseSpieceConfig([]byte(`{"tokenizer_class":"T5Tokenizer","extra_ids":2,"add_prefix_space":false}`))
	if err != nil || cfg.ExtraIDs != 2 || cfg.AddDummyPrefix == nil || *cfg.AddDummyPrefix {
		t.Fatal(cfg, err)
	}
	j, err := token.ConvertSentencePiece(spiece(t, "unk"), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"<extra_id_1>"`, `"<extra_id_0>"`, `"prepend_scheme":"never"`} {
		if !strings.Contains(string(j), want) {
			t.Errorf("no %s in the conversion", want)
		}
	}
}
