package neox

import (
	"encoding/json"
	"fmt"
	"slices"

	"kakoi/core"
)

// Config is config.json of a GPT-NeoX folder, with transformers' defaults for what it leaves out.
type Config struct {
	ModelType             string         `json:"model_type"`
	VocabSize             int            `json:"vocab_size"`
	HiddenSize            int            `json:"hidden_size"`
	Layers                int            `json:"num_hidden_layers"`
	Heads                 int            `json:"num_attention_heads"`
	IntermediateSize      int            `json:"intermediate_size"`
	HiddenAct             string         `json:"hidden_act"`
	RotaryPct             float64        `json:"rotary_pct"`
	RotaryBase            float64        `json:"rotary_emb_base"`
	RopeParameters        *RopeParameter `json:"rope_parameters"` // transformers 5; wins over the two above
	RopeScaling           *RopeParameter `json:"rope_scaling"`
	MaxPositionEmbeddings int            `json:"max_position_embeddings"`
	LayerNormEps          float64        `json:"layer_norm_eps"`
	UseParallelResidual   bool           `json:"use_parallel_residual"`
	AttentionBias         bool           `json:"attention_bias"`
	TieWordEmbeddings     bool           `json:"tie_word_embeddings"`
	BOS                   TokenIDs       `json:"bos_token_id"`
	EOS                   TokenIDs       `json:"eos_token_id"`
	TorchDType            string         `json:"torch_dtype"`
}

// RopeParameter is transformers 5's form of the rotary settings, and the older rope_scaling.
type RopeParameter struct {
	Theta   float64  `json:"rope_theta"`
	Partial *float64 `json:"partial_rotary_factor"`
	Type    string   `json:"rope_type"`
	OldType string   `json:"type"`
	Factor  float64  `json:"factor"`
}

// TokenIDs is a token id or a list of them; null is none.
type TokenIDs []int32

// UnmarshalJSON accepts 2, [2, 3] and null.
func (t *TokenIDs) UnmarshalJSON(b []byte) error {
	var one *int32
	if json.Unmarshal(b, &one) == nil {
		*t = nil
		if one != nil {
			*t = TokenIDs{*one}
		}
		return nil
	}
	var many []int32
	if err := json.Unmarshal(b, &many); err != nil {
		return fmt.Errorf("token ids: %w", err)
	}
	*t = many
	return nil
}

// UnmarshalJSON fills in transformers' defaults.
func (c *Config) UnmarshalJSON(b []byte) error {
	type plain Config
	p := plain{
		VocabSize: 50432, HiddenSize: 6144, Layers: 44, Heads: 64, IntermediateSize: 24576, HiddenAct: "gelu",
		RotaryPct: 0.25, RotaryBase: 10000, MaxPositionEmbeddings: 2048, LayerNormEps: 1e-5,
		UseParallelResidual: true, AttentionBias: true, BOS: TokenIDs{0}, EOS: TokenIDs{2},
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*c = Config(p)
	for _, r := range []*RopeParameter{c.RopeScaling, c.RopeParameters} {
		if r == nil {
			continue
		}
		if r.Theta != 0 {
			c.RotaryBase = r.Theta
		}
		if r.Partial != nil {
			c.RotaryPct = *r.Partial
		}
	}
	return nil
}

// activations are the values of hidden_act we compute. The three tanh forms are one formula.
var activations = []string{"gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu", "swish"}

// Validate says whether this is a model that Forward computes.
func (c Config) Validate() error {
	if c.ModelType != "" && c.ModelType != "gpt_neox" {
		return core.Explain(fmt.Errorf("model_type %q: %w", c.ModelType, core.ErrUnsupported), "error.model.type", c.ModelType)
	}
	bad := func(format string, args ...any) error {
		err := fmt.Errorf("config.json: "+format+": %w", append(args, core.ErrUnsupported)...)
		return core.Explain(err, "error.model.settings", fmt.Sprintf(format, args...))
	}
	for _, v := range []struct {
		name string
		n    int
		max  int
	}{
		{"vocab_size", c.VocabSize, 1 << 24}, {"hidden_size", c.HiddenSize, 1 << 17}, {"num_hidden_layers", c.Layers, 1 << 12},
		{"num_attention_heads", c.Heads, 1 << 12}, {"intermediate_size", c.IntermediateSize, 1 << 20},
		{"max_position_embeddings", c.MaxPositionEmbeddings, 1 << 22},
	} {
		if v.n < 1 || v.n > v.max {
			return bad("%s %d", v.name, v.n)
		}
	}
	if c.HiddenSize%c.Heads != 0 {
		return bad("hidden_size %d is no multiple of num_attention_heads %d", c.HiddenSize, c.Heads)
	}
	if !slices.Contains(activations, c.HiddenAct) {
		return bad("hidden_act %q", c.HiddenAct)
	}
	if d := c.RotaryDims(); c.RotaryPct < 0 || c.RotaryPct > 1 || d%2 != 0 {
		return bad("rotary_pct %v turns %d of %d elements", c.RotaryPct, d, c.HeadDim())
	}
	if c.RotaryBase <= 0 || !(c.LayerNormEps >= 0) {
		return bad("rotary_emb_base %v, layer_norm_eps %v", c.RotaryBase, c.LayerNormEps)
	}
	if typ, factor := c.rope(); typ != "default" && (typ != "linear" || factor <= 0) {
		return bad("rope type %q with factor %v", typ, factor)
	}
	return nil
}

// layerName is what the names of layer i's tensors begin with.
func layerName(i int) string { return fmt.Sprintf("gpt_neox.layers.%d.", i) }

// HeadDim is the width of one attention head.
func (c Config) HeadDim() int { return c.HiddenSize / c.Heads }

// RotaryDims is the number of leading elements of a head that rotary embedding turns.
func (c Config) RotaryDims() int { return int(float64(c.HeadDim()) * c.RotaryPct) }

// rope is the type of the rotary embedding and its factor ("linear": positions are divided by it).
func (c Config) rope() (string, float64) {
	for _, r := range []*RopeParameter{c.RopeParameters, c.RopeScaling} {
		if r == nil {
			continue
		}
		if r.Type != "" && r.Type != "default" {
			return r.Type, r.Factor
		}
		if r.OldType != "" && r.OldType != "default" {
			return r.OldType, r.Factor
		}
	}
	return "default", 1
}

// Parameters is the number of weights, tied ones counted once.
func (c Config) Parameters() int64 {
	h, f, v := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.VocabSize)
	layer := 4*h*h + 2*h*f + f + h + 4*h // matrices, MLP biases, two norms
	if c.AttentionBias {
		layer += 4 * h
	}
	n := int64(c.Layers)*layer + v*h + 2*h
	if !c.TieWordEmbeddings {
		n += v * h
	}
	return n
}
