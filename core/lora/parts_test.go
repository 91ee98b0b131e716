package lora_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/core/lora"
	"kakoi/core/weights"
)

// TestInt8Rows: halves stored as int8 rows are each row's numbers times its scale, and a scale beside anything else is refused.
func TestInt8Rows(t *testing.T) {
	const half = "base_model.model.bert.encoder.layer.0.output.dense.lora_"
	values := map[string][]byte{
		half + "A.weight":       {1, 0xff, 127, 0x80, 2, 3}, // [2, 3]
		half + "A.weight.scale": {0, 0x38, 0, 0x40},         // 0.5, 2
		half + "B.weight":       {4, 0, 0xfc, 1},            // [2, 2]
		half + "B.weight.scale": {0, 0x3c, 0, 0x34},         // 1, 0.25
	}
	all := []weights.Spec{
		{Name: half + "A.weight", DType: weights.I8, Shape: []int64{2, 3}}, {Name: half + "A.weight.scale", DType: weights.F16, Shape: []int64{2}},
		{Name: half + "B.weight", DType: weights.I8, Shape: []int64{2, 2}}, {Name: half + "B.weight.scale", DType: weights.F16, Shape: []int64{2}},
	}
	read := func(specs []weights.Spec) (*lora.Parts, error) {
		dir := t.TempDir()
		err := os.WriteFile(filepath.Join(dir, lora.ConfigFile), []byte(`{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": "bert\\..*\\.output\\.dense"}`), 0o600)
		if err == nil {
			err = weights.WriteSafetensors(filepath.Join(dir, lora.WeightsFile), specs, func(i int, w io.Writer) error {
				_, err := w.Write(values[specs[i].Name])
				return err
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		return lora.ReadParts(dir)
	}
	p, err := read(all)
	if err != nil {
		t.Fatal(err)
	}
	low := p.Low["bert.encoder.layer.0.output.dense"]
	if len(p.Low) != 1 || !slices.Equal(low.A, []float32{0.5, -0.5, 63.5, -256, 4, 6}) || !slices.Equal(low.B, []float32{4, 0, -1, 0.25}) || low.Scale != 2 {
		t.Errorf("read %+v", p.Low)
	}
	for name, change := range map[string]func(s []weights.Spec) []weights.Spec{
		"no scale":            func(s []weights.Spec) []weights.Spec { return s[:3] },
		"a scale of nothing":  func(s []weights.Spec) []weights.Spec { return s[1:] },
		"a scale of floats":   func(s []weights.Spec) []weights.Spec { s[0].DType, s[0].Shape = weights.F16, []int64{1, 3}; return s },
		"a scale of one row":  func(s []weights.Spec) []weights.Spec { s[3].DType, s[3].Shape = weights.F32, []int64{1}; return s },
		"scales of one shape": func(s []weights.Spec) []weights.Spec { s[3].Shape = []int64{2, 1}; return s },
	} {
		if _, err := read(change(slices.Clone(all))); !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
