package bert

import (
	"fmt"

	"kakoi/core"
)

// Config is what config.json says of the encoder, under its names there.
type Config struct {
	ModelType          string  `json:"model_type"`
	Hidden             int     `json:"hidden_size"`
	Layers             int     `json:"num_hidden_layers"`
	Heads              int     `json:"num_attention_heads"`
	Inner              int     `json:"intermediate_size"`
	Vocab              int     `json:"vocab_size"`
	Positions          int     `json:"max_position_embeddings"`
	Types              int     `json:"type_vocab_size"`
	Eps                float64 `json:"layer_norm_eps"`
	Activation         string  `json:"hidden_act"`
	PadID              *int    `json:"pad_token_id"`
	PositionEmbeddings string  `json:"position_embedding_type"`

	second bool // pairs are read, whose second part has the token type 1
}

// Validate fills in what config.json may leave out and refuses encoders of another kind (core.ErrUnsupported) and
// shapes that cannot be (core.ErrCorrupt).
func (c *Config) Validate() error {
	switch c.ModelType {
	case "bert", "xlm-roberta", "roberta", "camembert":
	default:
		return core.Explain(fmt.Errorf("model type %q: %w", c.ModelType, core.ErrUnsupported), "error.embedder.kind", c.ModelType)
	}
	if c.PositionEmbeddings != "" && c.PositionEmbeddings != "absolute" {
		return core.Explain(fmt.Errorf("position embeddings %q: %w", c.PositionEmbeddings, core.ErrUnsupported), "error.embedder.kind", c.ModelType+" "+c.PositionEmbeddings)
	}
	switch c.Activation {
	case "":
		c.Activation = "gelu"
	case "gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu", "swish":
	default:
		return core.Explain(fmt.Errorf("activation %q: %w", c.Activation, core.ErrUnsupported), "error.embedder.kind", c.ModelType+" "+c.Activation)
	}
	if c.Eps == 0 {
		c.Eps = 1e-12
	}
	const most = 1 << 24
	for _, x := range []struct {
		name  string
		value int
	}{
		{"hidden_size", c.Hidden}, {"num_hidden_layers", c.Layers}, {"num_attention_heads", c.Heads}, {"intermediate_size", c.Inner},
		{"vocab_size", c.Vocab}, {"max_position_embeddings", c.Positions},
	} {
		if x.value <= 0 || x.value > most {
			return core.Explain(fmt.Errorf("config.json: %s %d: %w", x.name, x.value, core.ErrCorrupt), "error.embedder.config", x.name)
		}
	}
	if c.Hidden%c.Heads != 0 {
		return core.Explain(fmt.Errorf("config.json: %d wide with %d heads: %w", c.Hidden, c.Heads, core.ErrCorrupt), "error.embedder.config", "num_attention_heads")
	}
	if c.FirstPosition() < 0 || c.FirstPosition() >= c.Positions {
		return core.Explain(fmt.Errorf("config.json: pad_token_id %d: %w", c.FirstPosition()-1, core.ErrCorrupt), "error.embedder.config", "pad_token_id")
	}
	return nil
}

// FirstPosition is the row of the position embeddings for the first token: 0 in BERT, one after the padding id in
// the RoBERTa family (fairseq numbers positions so).
func (c *Config) FirstPosition() int {
	if c.ModelType == "bert" {
		return 0
	}
	if c.PadID == nil {
		return 2
	}
	return *c.PadID + 1
}

// layerPrefix is what stands before the names of a layer's tensors.
func layerPrefix(i int) string { return fmt.Sprintf("encoder.layer.%d.", i) }
