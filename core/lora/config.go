package lora

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"kakoi/core"
)

// config is adapter_config.json. Members that only matter in training, or to PEFT itself, are left out.
type config struct {
	PeftType         string          `json:"peft_type"`
	TaskType         any             `json:"task_type"`
	Base             string          `json:"base_model_name_or_path"`
	R                int             `json:"r"`
	Alpha            *float64        `json:"lora_alpha"`
	Dropout          float64         `json:"lora_dropout"`
	Bias             string          `json:"bias"`
	RSLora           bool            `json:"use_rslora"`
	DoRA             bool            `json:"use_dora"`
	QALora           bool            `json:"use_qalora"`
	LoraBias         bool            `json:"lora_bias"`
	ModulesToSave    []string        `json:"modules_to_save"`
	TrainableTokens  json.RawMessage `json:"trainable_token_indices"`
	LayerReplication json.RawMessage `json:"layer_replication"`
	TargetParameters []string        `json:"target_parameters"`
	InvocationTokens json.RawMessage `json:"alora_invocation_tokens"`
	Kasa             json.RawMessage `json:"kasa_config"`
	Arrow            json.RawMessage `json:"arrow_config"`
	Monte            json.RawMessage `json:"monteclora_config"`
	Blocks           json.RawMessage `json:"use_bdlora"`
	Init             json.RawMessage `json:"init_lora_weights"`
	RankPattern      patterns        `json:"rank_pattern"`
	AlphaPattern     patterns        `json:"alpha_pattern"`
}

// patterns is PEFT's rank_pattern or alpha_pattern: the first expression in the file's order that fits a module's name counts.
type patterns []pattern

type pattern struct {
	expr  *regexp.Regexp
	text  string
	value float64
}

// UnmarshalJSON keeps the order of the members, which a map would lose.
func (p *patterns) UnmarshalJSON(b []byte) error {
	*p = nil
	if string(bytes.TrimSpace(b)) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("pattern is no object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		x := pattern{text: t.(string)}
		if err := d.Decode(&x.value); err != nil {
			return err
		}
		// PEFT: re.match(rf"(.*\.)?({key})$", name)
		if x.expr, err = regexp.Compile(`^(?:.*\.)?(?:` + x.text + `)$`); err != nil {
			return fmt.Errorf("pattern %q: %v: %w", x.text, err, core.ErrUnsupported)
		}
		*p = append(*p, x)
	}
	return nil
}

// of is the value for a module, or otherwise.
func (p patterns) of(module string, otherwise float64) float64 {
	for _, x := range p {
		if x.expr.MatchString(module) {
			return x.value
		}
	}
	return otherwise
}

// plainInits leave the base model as it is. Every other initialisation of PEFT takes something out of the base model's weights, so the
// adapter alone does not say what was computed.
var plainInits = []string{"", "null", "true", "false", `"gaussian"`, `"eva"`, `"orthogonal"`}

// parseConfig reads adapter_config.json and refuses what Kakoi does not compute for a GPT-NeoX model.
func parseConfig(name string, raw []byte) (config, error) {
	c, err := parseAny(name, raw)
	if err == nil && len(c.ModulesToSave) > 0 {
		what := strings.Join(c.ModulesToSave, ", ")
		err = core.Explain(fmt.Errorf("adapter %q: %s: %w", name, what, core.ErrUnsupported), "error.lora.modules", name, what)
	}
	return c, err
}

// isSet says whether an option that may be left out is there.
func isSet(r json.RawMessage) bool {
	return !slices.Contains([]string{"", "null", "[]", "{}", "false"}, string(bytes.TrimSpace(r)))
}

// parseAny is parseConfig for a model of any kind, of which modules may be saved whole.
func parseAny(name string, raw []byte) (config, error) {
	c := config{R: 8, Bias: "none"}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, core.Explain(fmt.Errorf("adapter_config.json of %q: %w: %w", name, err, core.ErrCorrupt), "error.lora.config", name)
	}
	if c.Alpha == nil {
		c.Alpha = new(float64)
		*c.Alpha = 8 // PEFT's default
	}
	refuse := func(key, what string) error {
		return core.Explain(fmt.Errorf("adapter %q: %s: %w", name, what, core.ErrUnsupported), key, name, what)
	}
	switch {
	case c.PeftType != "LORA":
		return c, refuse("error.lora.kind", "peft_type "+c.PeftType)
	case c.DoRA:
		return c, refuse("error.lora.dora", "use_dora")
	case isSet(c.TrainableTokens):
		return c, refuse("error.lora.modules", "trainable_token_indices")
	case c.Bias != "none":
		return c, refuse("error.lora.kind", "bias "+c.Bias)
	case len(c.TargetParameters) > 0:
		return c, refuse("error.lora.target", strings.Join(c.TargetParameters, ", "))
	case !slices.Contains(plainInits, string(bytes.TrimSpace(c.Init))):
		return c, refuse("error.lora.init", "init_lora_weights "+strings.Trim(string(c.Init), `"`))
	case c.R < 1 || c.R > MaxRank:
		return c, core.Explain(fmt.Errorf("adapter %q: r %d: %w", name, c.R, core.ErrCorrupt), "error.lora.config", name)
	}
	for _, x := range []struct {
		name string
		on   bool
	}{
		{"lora_bias", c.LoraBias}, {"use_qalora", c.QALora}, {"layer_replication", isSet(c.LayerReplication)}, {"alora_invocation_tokens", isSet(c.InvocationTokens)},
		{"kasa_config", isSet(c.Kasa)}, {"arrow_config", isSet(c.Arrow)}, {"monteclora_config", isSet(c.Monte)}, {"use_bdlora", isSet(c.Blocks)},
	} {
		if x.on {
			return c, refuse("error.lora.kind", x.name)
		}
	}
	return c, nil
}
