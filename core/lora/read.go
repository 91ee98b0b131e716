package lora

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/core/weights"
)

// Files of an adapter's folder.
const (
	ConfigFile     = "adapter_config.json"
	WeightsFile    = "adapter_model.safetensors"
	OldWeightsFile = "adapter_model.bin"
)

const (
	maxConfigBytes  = 1 << 20
	maxWeightsBytes = 16 << 30
	keyPrefix       = "base_model.model."
	keyA            = ".lora_A.weight"
	keyB            = ".lora_B.weight"
	keyScale        = ".scale" // of int8 rows
)

// Read reads an adapter's folder as PEFT writes it. Numbers of any float type become float32. Only what needs no model is checked;
// Fits does the rest.
//
// Errors are core.ErrNotFound (no folder, no configuration, no weights), core.ErrUnsupported, core.ErrCorrupt and core.ErrEmpty, each
// with a sentence.
func Read(dir string) (*Adapter, error) { return ReadSealed(dir, nil) }

// ReadSealed is Read of a folder whose files are encrypted under key; with a nil key it is Read. Errors are also those of vault.Key.Open.
func ReadSealed(dir string, key *vault.Key) (*Adapter, error) {
	name := filepath.Base(dir)
	raw, err := readConfig(dir, key)
	if err != nil {
		return nil, core.Explain(err, "error.lora.folder", dir)
	}
	c, err := parseConfig(name, raw)
	if err != nil {
		return nil, err
	}
	file, err := weightsFile(dir)
	if err != nil {
		return nil, core.Explain(err, "error.lora.noweights", dir)
	}
	f, err := weights.OpenSealed(file, key)
	if err != nil {
		return nil, fmt.Errorf("open adapter %q: %w", name, err)
	}
	a := &Adapter{Name: name, Base: c.Base, Rank: c.R, Alpha: *c.Alpha, Dropout: c.Dropout, RSLora: c.RSLora}
	err = a.take(f, c)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return a, a.finish()
}

func readConfig(dir string, key *vault.Key) ([]byte, error) {
	f, err := key.Open(filepath.Join(dir, ConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open adapter: %w: %w", err, core.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open adapter: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read adapter: %w", err)
	}
	if len(b) > maxConfigBytes {
		return nil, fmt.Errorf("%s of %q is over %d bytes: %w", ConfigFile, dir, maxConfigBytes, core.ErrTooLarge)
	}
	return b, nil
}

// weightsFile prefers safetensors, as PEFT does.
func weightsFile(dir string) (string, error) {
	for _, name := range []string{WeightsFile, OldWeightsFile} {
		st, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("open adapter: %w", err)
		}
		if st.Size() > maxWeightsBytes {
			return "", fmt.Errorf("%s of %d bytes: %w", name, st.Size(), core.ErrTooLarge)
		}
		return filepath.Join(dir, name), nil
	}
	return "", fmt.Errorf("no %s in %q: %w", WeightsFile, dir, core.ErrNotFound)
}

// take copies the tensors.
func (a *Adapter) take(f *weights.Folder, c config) error {
	keys := f.Names()
	// A matrix that cannot be adapted says more than what PEFT keeps beside it.
	slices.SortStableFunc(keys, func(a, b string) int {
		return cmp.Compare(btoi(strings.Contains(b, ".lora_")), btoi(strings.Contains(a, ".lora_")))
	})
	for _, key := range keys {
		module, isA := strings.CutSuffix(key, keyA)
		if !isA {
			if module, isB := strings.CutSuffix(key, keyB); !isB {
				return a.unknown(key)
			} else if !f.Has(module + keyA) {
				return a.badTensor(key, "has no lora_A beside it")
			}
			continue
		}
		layer, name, err := a.place(module)
		if err != nil {
			return err
		}
		if !f.Has(module + keyB) {
			return a.badTensor(key, "has no lora_B beside it")
		}
		x, xs, err := a.matrix(f, key)
		if err != nil {
			return err
		}
		y, ys, err := a.matrix(f, module+keyB)
		if err != nil {
			return err
		}
		module = strings.TrimPrefix(module, keyPrefix)
		rank := c.RankPattern.of(module, float64(c.R))
		if xs[0] != ys[1] || float64(xs[0]) != rank {
			return a.badTensor(key, fmt.Sprintf("A %v, B %v, rank %v", xs, ys, rank))
		}
		a.Targets = append(a.Targets, Target{
			Layer: layer, Name: name, Rank: int(xs[0]), In: int(xs[1]), Out: int(ys[0]), Alpha: c.AlphaPattern.of(module, *c.Alpha), A: x, B: y,
		})
	}
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// place finds out which matrix of which layer a module of the file is.
func (a *Adapter) place(module string) (layer int, name string, err error) {
	rest := strings.TrimPrefix(module, keyPrefix)
	rest = strings.TrimPrefix(rest, "gpt_neox.") // a model without a head has no such prefix
	if inside, ok := strings.CutPrefix(rest, "layers."); ok {
		number, name, _ := strings.Cut(inside, ".")
		n, err := strconv.Atoi(number)
		if err == nil && n >= 0 && n < 1<<12 && slices.Contains(Names, name) {
			return n, name, nil
		}
	}
	return 0, "", core.Explain(fmt.Errorf("adapter %q: target %q: %w", a.Name, module, core.ErrUnsupported), "error.lora.target", a.Name, rest)
}

// unknown says what a tensor that is no half of a LoRA is.
func (a *Adapter) unknown(key string) error {
	err := fmt.Errorf("adapter %q: tensor %q: %w", a.Name, key, core.ErrUnsupported)
	switch {
	case strings.Contains(key, "lora_magnitude_vector"):
		return core.Explain(err, "error.lora.dora", a.Name, key)
	case strings.Contains(key, "lora_embedding_"):
		return core.Explain(err, "error.lora.target", a.Name, strings.TrimPrefix(key, keyPrefix))
	case !strings.Contains(key, "lora_"):
		return core.Explain(err, "error.lora.modules", a.Name, strings.TrimPrefix(key, keyPrefix))
	}
	return core.Explain(err, "error.lora.kind", a.Name, strings.TrimPrefix(key, keyPrefix))
}

func (a *Adapter) badTensor(key, what string) error {
	return core.Explain(fmt.Errorf("adapter %q: tensor %q: %s: %w", a.Name, key, what, core.ErrCorrupt), "error.lora.shape", a.Name, strings.TrimPrefix(key, keyPrefix))
}

// matrix reads a tensor of two dimensions: as PEFT writes it or, which is Kakoi's own and ReadParts alone lets through, as int8 rows (weights.Int8Rows), I8 [Out, In] and
// F16 [Out] beside it.
func (a *Adapter) matrix(f *weights.Folder, key string) ([]float32, []int64, error) {
	if f.Has(key + keyScale) {
		l, err := f.Linear(key)
		if err != nil {
			return nil, nil, fmt.Errorf("adapter %q: %w", a.Name, err)
		}
		v := make([]float32, l.Out*l.In)
		if err := l.Float32(v); err != nil {
			return nil, nil, fmt.Errorf("adapter %q: %w", a.Name, err)
		}
		return v, []int64{int64(l.Out), int64(l.In)}, nil
	}
	t, err := f.Tensor(key)
	if err != nil {
		return nil, nil, err
	}
	if len(t.Shape) != 2 || t.Shape[0] < 1 || t.Shape[1] < 1 || t.Shape[0] > 1<<24 || t.Shape[1] > 1<<24 || !t.DType.Float() {
		return nil, nil, a.badTensor(key, fmt.Sprintf("%v %v", t.DType, t.Shape))
	}
	v := make([]float32, t.Elements())
	if err := t.Float32(v); err != nil {
		return nil, nil, fmt.Errorf("adapter %q: %w", a.Name, err)
	}
	return v, t.Shape, nil
}

// Sum is the SHA-256, in hex, of everything that has a say in what the adapter computes; its first 16 digits are the ID.
func (a *Adapter) Sum() string {
	h := sha256.New()
	for i := range a.Targets {
		t := &a.Targets[i]
		fmt.Fprintf(h, "%d %s %d %d %d %08x\n", t.Layer, t.Name, t.Rank, t.In, t.Out, math.Float32bits(t.Scale))
		sum(h, t.A)
		sum(h, t.B)
	}
	return hex.EncodeToString(h.Sum(nil))
}
