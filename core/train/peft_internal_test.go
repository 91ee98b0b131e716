//go:build torch

package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/lora"
	"kakoi/core/neox"
)

var update = flag.Bool("update", false, "write testdata/ours anew; golden.py then reads it")

// TestOursInPEFT: the folder that the trainer writes is testdata/ours byte for byte, which golden.py loaded with peft; with it this
// program gives peft's logits (fp32, so within rounding).
func TestOursInPEFT(t *testing.T) {
	torchtest.Setup(t)
	s := core.TrainSettings{Rank: 4, Alpha: 10, Dropout: 0.05, Targets: []string{"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"},
		RankPattern: map[string]int{"layers.1.attention.query_key_value": 6}}
	want := golden(t).Ours
	var config = golden(t).Cases[0].Config
	model := tinyFolder(t, config)
	g := load(t, model, "fp32")
	p := layOut(mustPlaces(t, g, s))
	a, err := p.adapter(s, AdapterFolder, "tiny", hashed(p))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	folder, err := writeAdapter(nil, dir, a, model, map[string]string{"dataset": "tiny"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{lora.ConfigFile, lora.WeightsFile, "lineage.json"} {
		ours, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		kept := filepath.Join("testdata", "ours", name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(kept, ours, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if old, err := os.ReadFile(kept); err != nil || !bytes.Equal(old, ours) {
			t.Errorf("%s is not the one that peft has read (%v)", name, err)
		}
	}
	for _, name := range []string{"tokenizer.json", "lineage.json"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
	if want == nil {
		t.Fatal("golden.json.gz has no logits of testdata/ours: run golden.py")
	}
	var out bytes.Buffer
	opt := neox.LogitsOptions{Dir: model, Load: neox.LoadOptions{Device: torchtest.Device(), DType: "fp32"}, Adapter: folder, Path: "lanes", IDs: want.IDs}
	if err := neox.Logits(context.Background(), opt, &out); err != nil {
		t.Fatal(err)
	}
	got := make([]float32, out.Len()/4)
	for i := range got {
		got[i] = math.Float32frombits(binary.LittleEndian.Uint32(out.Bytes()[4*i:]))
	}
	logits := floats(t, want.Logits)
	if len(got) != len(logits) {
		t.Fatalf("%d logits, want %d", len(got), len(logits))
	}
	if d := apart(got, logits); d > 1e-5 {
		t.Errorf("logits differ by %g of the largest", d)
	}
}
