package lora

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/core/weights"
)

// New is an adapter of the given targets, for training or tests. The targets' Scale is set from their Alpha and Rank; the other fields
// of a may be set by the caller first. Errors are core.ErrCorrupt and core.ErrEmpty.
func New(a Adapter) (*Adapter, error) {
	a.Targets = slices.Clone(a.Targets)
	for i := range a.Targets {
		if !slices.Contains(Names, a.Targets[i].Name) || a.Targets[i].Layer < 0 {
			return nil, core.Explain(fmt.Errorf("adapter %q: layer %d, %q: %w", a.Name, a.Targets[i].Layer, a.Targets[i].Name, core.ErrUnsupported), "error.lora.target", a.Name, a.Targets[i].Name)
		}
	}
	return &a, a.finish()
}

// Write writes the adapter as PEFT does, in float32: a new folder dir with adapter_config.json and adapter_model.safetensors. The
// folder appears whole or not at all; one that exists already is core.ErrBusy.
func (a *Adapter) Write(dir string) error { return a.WriteSealed(dir, nil) }

// WriteSealed is Write with the folder's files encrypted under key; with a nil key it is Write.
func (a *Adapter) WriteSealed(dir string, key *vault.Key) (err error) {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write adapter: %q exists: %w", dir, core.ErrBusy)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".adapter-*")
	if err != nil {
		return fmt.Errorf("write adapter: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	text, err := a.config()
	if err != nil {
		return fmt.Errorf("write adapter: %w", err)
	}
	if err := key.WriteFile(filepath.Join(tmp, ConfigFile), text); err != nil {
		return fmt.Errorf("write adapter: %w", err)
	}
	var specs []weights.Spec
	var data [][]float32
	for i := range a.Targets {
		t := &a.Targets[i]
		module := keyPrefix + t.module()
		specs = append(specs, weights.Spec{Name: module + keyA, DType: weights.F32, Shape: []int64{int64(t.Rank), int64(t.In)}},
			weights.Spec{Name: module + keyB, DType: weights.F32, Shape: []int64{int64(t.Out), int64(t.Rank)}})
		data = append(data, t.A, t.B)
	}
	f, err := key.Create(filepath.Join(tmp, WeightsFile))
	if err != nil {
		return fmt.Errorf("write adapter: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }() // before the folder goes
	err = weights.EncodeSafetensors(f, specs, func(i int, w io.Writer) error {
		b := make([]byte, 0, 4*len(data[i]))
		for _, v := range data[i] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		_, err := w.Write(b)
		return err
	})
	if err == nil {
		err = f.Commit()
	}
	if err != nil {
		return fmt.Errorf("write adapter: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("write adapter: %w", err)
	}
	return nil
}

// module is the target's name in a GPTNeoXForCausalLM.
func (t *Target) module() string { return fmt.Sprintf("gpt_neox.layers.%d.%s", t.Layer, t.Name) }

// config is adapter_config.json with the members PEFT reads; it fills in its defaults for the others.
func (a *Adapter) config() ([]byte, error) {
	targets := a.targetModules()
	ranks, alphas := map[string]int{}, map[string]float64{}
	for i := range a.Targets {
		t := &a.Targets[i]
		if t.Rank != a.Rank {
			ranks[t.module()] = t.Rank
		}
		if t.Alpha != a.Alpha {
			alphas[t.module()] = t.Alpha
		}
	}
	var base any
	if a.Base != "" {
		base = a.Base
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "inference_mode": true,
		"r": a.Rank, "lora_alpha": a.Alpha, "lora_dropout": a.Dropout, "target_modules": targets, "bias": "none",
		"fan_in_fan_out": false, "init_lora_weights": true, "modules_to_save": nil, "use_rslora": a.RSLora, "use_dora": false,
		"rank_pattern": ranks, "alpha_pattern": alphas,
	})
	return b.Bytes(), err
}

// targetModules names the matrices: by their last part where every layer from the first on has the same ones, in full otherwise.
func (a *Adapter) targetModules() []string {
	byLayer := map[int][]string{}
	var full, short []string
	for i := range a.Targets {
		t := &a.Targets[i]
		byLayer[t.Layer] = append(byLayer[t.Layer], t.Name)
		full = append(full, t.module())
	}
	for layer := range len(byLayer) {
		if !slices.Equal(byLayer[layer], byLayer[0]) {
			return full
		}
	}
	for _, name := range byLayer[0] {
		parts := strings.Split(name, ".")
		last := parts[len(parts)-1]
		// "dense" alone would be enough for PEFT, but readers of the file see more in the whole name.
		if name == Dense {
			last = name
		}
		short = append(short, last)
	}
	return short
}
