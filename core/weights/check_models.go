package weights

import (
	"fmt"

	"kakoi/core"
)

// neox checks a GPT-NeoX folder (transformers' GPTNeoXForCausalLM).
func (c *checker) neox() error {
	m := struct {
		Vocab  int   `json:"vocab_size"`
		Hidden int   `json:"hidden_size"`
		Layers int   `json:"num_hidden_layers"`
		Heads  int   `json:"num_attention_heads"`
		FFN    int   `json:"intermediate_size"`
		Tokens int   `json:"max_position_embeddings"`
		Bias   *bool `json:"attention_bias"`
		Tied   bool  `json:"tie_word_embeddings"`
	}{Vocab: 50432, Hidden: 6144, Layers: 44, Heads: 64, FFN: 24576, Tokens: 2048}
	if err := c.folder.Config(&m); err != nil {
		return err
	}
	if err := c.sizes(m.Vocab, m.Hidden, m.Layers, m.Heads, m.FFN, m.Tokens); err != nil {
		return err
	}
	if m.Hidden%m.Heads != 0 {
		return core.Explain(fmt.Errorf("config.json of %q: %d heads of %d: %w", c.folder.dir, m.Heads, m.Hidden, core.ErrCorrupt), "error.model.config", c.folder.dir)
	}
	r := c.report
	r.Layers, r.Hidden, r.Heads, r.FFN, r.Vocab, r.MaxTokens, r.Tied = m.Layers, m.Hidden, m.Heads, m.FFN, m.Vocab, m.Tokens, m.Tied
	if err := c.matrix("gpt_neox.embed_in.weight", m.Vocab, m.Hidden, nil); err != nil {
		return err
	}
	if !m.Tied {
		if err := c.matrix("embed_out.weight", m.Vocab, m.Hidden, nil); err != nil {
			return err
		}
	} else {
		c.used["embed_out.weight"] = true // some folders write the tied copy out
	}
	if err := c.norm("gpt_neox.final_layer_norm", m.Hidden); err != nil {
		return err
	}
	attentionBias := m.Bias == nil || *m.Bias
	for i := range m.Layers {
		p := fmt.Sprintf("gpt_neox.layers.%d.", i)
		err := first(
			func() error { return c.norm(p+"input_layernorm", m.Hidden) },
			func() error { return c.norm(p+"post_attention_layernorm", m.Hidden) },
			func() error { return c.linear(p+"attention.query_key_value", 3*m.Hidden, m.Hidden, attentionBias) },
			func() error { return c.linear(p+"attention.dense", m.Hidden, m.Hidden, attentionBias) },
			func() error { return c.linear(p+"mlp.dense_h_to_4h", m.FFN, m.Hidden, true) },
			func() error { return c.linear(p+"mlp.dense_4h_to_h", m.Hidden, m.FFN, true) },
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// bert checks a BERT or XLM-RoBERTa encoder, with or without the prefix of a model with a head.
func (c *checker) bert() error {
	m := struct {
		Vocab  int `json:"vocab_size"`
		Hidden int `json:"hidden_size"`
		Layers int `json:"num_hidden_layers"`
		Heads  int `json:"num_attention_heads"`
		FFN    int `json:"intermediate_size"`
		Tokens int `json:"max_position_embeddings"`
		Types  int `json:"type_vocab_size"`
	}{Vocab: 30522, Hidden: 768, Layers: 12, Heads: 12, FFN: 3072, Tokens: 512, Types: 2}
	if err := c.folder.Config(&m); err != nil {
		return err
	}
	if err := c.sizes(m.Vocab, m.Hidden, m.Layers, m.Heads, m.FFN, m.Tokens, m.Types); err != nil {
		return err
	}
	if m.Hidden%m.Heads != 0 {
		return core.Explain(fmt.Errorf("config.json of %q: %d heads of %d: %w", c.folder.dir, m.Heads, m.Hidden, core.ErrCorrupt), "error.model.config", c.folder.dir)
	}
	r := c.report
	r.Layers, r.Hidden, r.Heads, r.FFN, r.Vocab, r.MaxTokens = m.Layers, m.Hidden, m.Heads, m.FFN, m.Vocab, m.Tokens
	prefix := ""
	for _, x := range []string{"bert.", "roberta.", "0.auto_model."} {
		if c.folder.Has(x + "embeddings.word_embeddings.weight") {
			prefix = x
		}
	}
	p := prefix + "embeddings."
	err := first(
		func() error { return c.matrix(p+"word_embeddings.weight", m.Vocab, m.Hidden, nil) },
		func() error { return c.matrix(p+"position_embeddings.weight", m.Tokens, m.Hidden, nil) },
		func() error { return c.matrix(p+"token_type_embeddings.weight", m.Types, m.Hidden, nil) },
		func() error { return c.norm(p+"LayerNorm", m.Hidden) },
	)
	if err != nil {
		return err
	}
	for i := range m.Layers {
		p := fmt.Sprintf("%sencoder.layer.%d.", prefix, i)
		err := first(
			func() error { return c.linear(p+"attention.self.query", m.Hidden, m.Hidden, true) },
			func() error { return c.linear(p+"attention.self.key", m.Hidden, m.Hidden, true) },
			func() error { return c.linear(p+"attention.self.value", m.Hidden, m.Hidden, true) },
			func() error { return c.linear(p+"attention.output.dense", m.Hidden, m.Hidden, true) },
			func() error { return c.norm(p+"attention.output.LayerNorm", m.Hidden) },
			func() error { return c.linear(p+"intermediate.dense", m.FFN, m.Hidden, true) },
			func() error { return c.linear(p+"output.dense", m.Hidden, m.FFN, true) },
			func() error { return c.norm(p+"output.LayerNorm", m.Hidden) },
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// linear checks NAME.weight [out, in] and NAME.bias [out].
func (c *checker) linear(name string, out, in int, bias bool) error {
	if err := c.matrix(name+".weight", out, in, &c.report.Storage); err != nil {
		return err
	}
	if !bias {
		return nil
	}
	return c.vector(out, name+".bias")
}

// norm checks a LayerNorm; files before 2019 call its parts gamma and beta.
func (c *checker) norm(name string, n int) error {
	if err := c.vector(n, name+".weight", name+".gamma"); err != nil {
		return err
	}
	return c.vector(n, name+".bias", name+".beta")
}
