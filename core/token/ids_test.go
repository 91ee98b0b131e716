package token_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"testing"

	"kakoi/core/token"
)

// order is ORDER of testdata/golden.py.
var order = []string{"starter.spm", "nfkc.spm", "plain.spm", "unk.spm", "starter.hf", "minilm.hf", "e5.hf"}

func unzip(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func lines(t *testing.T) []string {
	t.Helper()
	var out []string
	s := bufio.NewScanner(bytes.NewReader(unzip(t, "testdata/lines.gz")))
	for s.Scan() {
		var l string
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	if len(out) != 2000 {
		t.Fatalf("%d lines, want 2000", len(out))
	}
	return out
}

// golden returns the CRC-32 of every line's ids by the named oracle.
func golden(t *testing.T, oracle string) []uint32 {
	t.Helper()
	b, err := os.ReadFile("testdata/ids.bin")
	if err != nil || len(b) != len(order)*2000*4 {
		t.Fatal(len(b), err)
	}
	b = b[slices.Index(order, oracle)*8000:]
	out := make([]uint32, 2000)
	for i := range out {
		out[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return out
}

func crc(ids []int32) uint32 {
	var b []byte
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	return crc32.ChecksumIEEE(b)
}

// compare counts the lines whose ids differ from the oracle's and shows the first ones.
func compare(t *testing.T, oracle string, encode func(string) []int32) int {
	t.Helper()
	want := golden(t, oracle)
	bad := 0
	for i, l := range lines(t) {
		if got := encode(l); crc(got) != want[i] {
			if bad++; bad <= 3 {
				t.Logf("%s, line %d %q: %v", oracle, i, l, got)
			}
		}
	}
	return bad
}

func spiece(t *testing.T, name string) []byte {
	t.Helper()
	if name == "starter" {
		b, err := os.ReadFile("../../resources/starter/spiece.model")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return unzip(t, "testdata/"+name+".model.gz")
}

func TestIDsOfSentencePiece(t *testing.T) {
	for _, name := range []string{"starter", "nfkc", "plain", "unk"} {
		tk, err := token.FromSentencePiece(spiece(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if bad := compare(t, name+".spm", tk.Encode); bad != 0 {
			t.Errorf("%s: ids of %d of 2,000 lines differ from spm_encode", name, bad)
		}
	}
}

func TestIDsOfTokenizerJSON(t *testing.T) {
	b, err := os.ReadFile("../../resources/starter/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	tk, err := token.FromJSON(b)
	if err != nil {
		t.Fatal(err)
	}
	if bad := compare(t, "starter.hf", tk.Encode); bad != 0 {
		t.Errorf("ids of %d of 2,000 lines differ from tokenizers", bad)
	}
}
