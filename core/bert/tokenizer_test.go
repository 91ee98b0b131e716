//go:build torch

package bert_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core"
	"kakoi/core/bert"
	"kakoi/core/internal/torch/torchtest"
)

// lines are the first n of core/token's test lines.
func lines(t *testing.T, n int) []string {
	t.Helper()
	f, err := os.Open("../token/testdata/lines.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	scan := bufio.NewScanner(z)
	scan.Buffer(nil, 1<<20)
	for len(out) < n && scan.Scan() {
		var line string
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		out = append(out, line)
	}
	if len(out) != n {
		t.Fatalf("%d lines: %v", len(out), scan.Err())
	}
	return out
}

// A folder with vocab.txt alone gives the vectors of the one with tokenizer.json.
func TestVocabTxt(t *testing.T) {
	torchtest.Setup(t)
	from, dir := model(t, "KAKOI_MINILM"), t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json", "sentence_bert_config.json"} {
		if err := os.Symlink(filepath.Join(from, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	texts := lines(t, 120)
	want := embed(t, load(t, from, bert.LoadOptions{}), core.EmbedPassage, texts)
	got := embed(t, load(t, dir, bert.LoadOptions{}), core.EmbedPassage, texts)
	checkClose(t, "vocab.txt", got, want)
}
