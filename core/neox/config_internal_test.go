package neox

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"testing"

	"kakoi/core"
)

func TestConfigForms(t *testing.T) {
	parse := func(s string) Config {
		var c Config
		if err := json.Unmarshal([]byte(s), &c); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		return c
	}
	d := parse(`{}`)
	if d.RotaryPct != 0.25 || d.RotaryBase != 10000 || !d.UseParallelResidual || !d.AttentionBias || d.TieWordEmbeddings || d.LayerNormEps != 1e-5 || d.HiddenSize != 6144 {
		t.Errorf("defaults: %+v", d)
	}
	old := parse(`{"rotary_pct": 1.0, "rotary_emb_base": 20000, "use_parallel_residual": false, "eos_token_id": [2, 3], "bos_token_id": null}`)
	if old.RotaryPct != 1 || old.RotaryBase != 20000 || old.UseParallelResidual || !reflect.DeepEqual(old.EOS, TokenIDs{2, 3}) || len(old.BOS) != 0 {
		t.Errorf("old form: %+v", old)
	}
	now := parse(`{"rope_parameters": {"rope_type": "default", "rope_theta": 30000, "partial_rotary_factor": 0.5}}`)
	if now.RotaryPct != 0.5 || now.RotaryBase != 30000 || now.Validate() != nil {
		t.Errorf("rope_parameters: %+v, %v", now, now.Validate())
	}
	linear := parse(`{"rope_scaling": {"type": "linear", "factor": 4}, "rotary_pct": 1}`)
	_, sin := rotaryTables(linear, 5)
	if got, want := float64(sin[4*linear.HeadDim()/2]), math.Sin(1); linear.Validate() != nil || math.Abs(got-want) > 1e-6 {
		t.Errorf("position 4 of a linear factor 4: sin %v, want %v", got, want)
	}
}

func TestConfigRefusals(t *testing.T) {
	for _, s := range []string{
		`{"model_type": "llama"}`, `{"hidden_act": "quick_gelu"}`, `{"hidden_size": 100, "num_attention_heads": 3}`, `{"vocab_size": 0}`,
		`{"rotary_pct": 1.5}`, `{"rope_scaling": {"rope_type": "yarn", "factor": 2}}`, `{"num_hidden_layers": -1}`, `{"rotary_emb_base": -1}`,
	} {
		var c Config
		if err := json.Unmarshal([]byte(s), &c); err != nil {
			t.Fatal(err)
		}
		var user *core.UserError
		if err := c.Validate(); !errors.Is(err, core.ErrUnsupported) || !errors.As(err, &user) {
			t.Errorf("%s: %v", s, err)
		}
	}
	var c Config
	if json.Unmarshal([]byte(`{"eos_token_id": "two"}`), &c) == nil {
		t.Error("a word as token id was accepted")
	}
}

// TestParameters: the reference model's numbers (one embedding of 184,549,376 counted twice, untied).
func TestParameters(t *testing.T) {
	if n := RinnaShape.Parameters(); n != 3_796_120_064 {
		t.Errorf("rinna 4B has %d parameters, want 3,796,120,064", n)
	}
	total := int64(0)
	c := Config{VocabSize: 7, HiddenSize: 8, Layers: 3, IntermediateSize: 5, TieWordEmbeddings: true}
	for _, shape := range tensorShapes(c) {
		n := int64(1)
		for _, d := range shape {
			n *= d
		}
		total += n
	}
	if total != c.Parameters() {
		t.Errorf("tensors hold %d, Parameters says %d", total, c.Parameters())
	}
}
