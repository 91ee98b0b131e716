package lora

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/weights"
)

// Parts is an adapter of a model of any kind, by the names that the model itself has for its modules: "bert.encoder.layer.0.attention.self.query". Nothing in it
// changes after ReadParts.
type Parts struct {
	Name  string            // of the folder
	Base  string            // base_model_name_or_path: where the model came from, for people
	Low   map[string]Target // by module; a Target's Layer and Name are empty
	Whole map[string]Whole  // tensors of modules that were saved whole, by name: "classifier.weight"

	named   func(module string) bool // target_modules
	exclude []string                 // modules_to_save, which targets never are
}

// Whole is a tensor that takes the place of the model's.
type Whole struct {
	Shape  []int64
	Values []float32 // row-major
}

// ReadParts reads an adapter's folder as PEFT writes it for any transformers model, with the modules that were saved whole (modules_to_save). What
// changes the formula of the package beyond that is refused as Read refuses it. Errors are those of Read.
func ReadParts(dir string) (*Parts, error) {
	name := filepath.Base(dir)
	raw, err := readConfig(dir, nil)
	if err != nil {
		return nil, core.Explain(err, "error.lora.folder", dir)
	}
	c, err := parseAny(name, raw)
	if err != nil {
		return nil, err
	}
	p := &Parts{Name: name, Base: c.Base, Low: map[string]Target{}, Whole: map[string]Whole{}, exclude: c.ModulesToSave}
	if p.named, err = targets(name, raw); err != nil {
		return nil, err
	}
	file, err := weightsFile(dir)
	if err != nil {
		return nil, core.Explain(err, "error.lora.noweights", dir)
	}
	f, err := weights.OpenFile(file)
	if err != nil {
		return nil, fmt.Errorf("open adapter %q: %w", name, err)
	}
	if err := errors.Join(p.take(f, c), f.Close()); err != nil {
		return nil, err
	}
	if len(p.Low) == 0 {
		return nil, core.Explain(fmt.Errorf("adapter %q changes no matrix: %w", name, core.ErrEmpty), "error.lora.empty", name)
	}
	return p, nil
}

// targets is PEFT's rule for which modules have an adapter: an expression that fits a whole name, or a list of names and ends of names.
func targets(name string, raw []byte) (func(module string) bool, error) {
	var c struct {
		Targets json.RawMessage `json:"target_modules"`
		Exclude json.RawMessage `json:"exclude_modules"`
		Layers  json.RawMessage `json:"layers_to_transform"`
	}
	err := json.Unmarshal(raw, &c)
	var list []string
	var one string
	switch {
	case err != nil:
	case json.Unmarshal(c.Targets, &one) == nil && one != "":
		if one == "all-linear" {
			return nil, core.Explain(fmt.Errorf("adapter %q: target_modules %q: %w", name, one, core.ErrUnsupported), "error.lora.target", name, one)
		}
		expr, err := regexp.Compile(`^(?:` + one + `)$`)
		if err != nil {
			return nil, core.Explain(fmt.Errorf("adapter %q: target_modules %q: %v: %w", name, one, err, core.ErrUnsupported), "error.lora.target", name, one)
		}
		return expr.MatchString, only(name, c.Exclude, c.Layers)
	default:
		err = json.Unmarshal(c.Targets, &list)
	}
	if err != nil || len(list) == 0 {
		return nil, core.Explain(fmt.Errorf("adapter %q: target_modules %s: %w", name, c.Targets, errors.Join(core.ErrCorrupt, err)), "error.lora.config", name)
	}
	return func(module string) bool {
		return slices.ContainsFunc(list, func(t string) bool { return ends(module, t) })
	}, only(name, c.Exclude, c.Layers)
}

// only refuses a choice among the targets.
func only(name string, choices ...json.RawMessage) error {
	for _, c := range choices {
		if isSet(c) {
			return core.Explain(fmt.Errorf("adapter %q: %s: %w", name, c, core.ErrUnsupported), "error.lora.target", name, string(c))
		}
	}
	return nil
}

// ends says whether a module is called so, or ends so behind a dot.
func ends(module, name string) bool { return module == name || strings.HasSuffix(module, "."+name) }

// Targets says whether the configuration wants an adapter for a module: one that has none in the file is missing.
func (p *Parts) Targets(module string) bool {
	if slices.ContainsFunc(p.exclude, func(whole string) bool { return strings.Contains("."+module+".", "."+whole+".") }) {
		return false
	}
	return p.named(module)
}

// take copies the tensors.
func (p *Parts) take(f *weights.Folder, c config) error {
	a := &Adapter{Name: p.Name}
	for _, key := range f.Names() {
		name, ok := strings.CutPrefix(key, keyPrefix)
		module, isA := strings.CutSuffix(name, keyA)
		_, isB := strings.CutSuffix(name, keyB)
		if rows, beside := strings.CutSuffix(key, keyScale); beside && f.Has(rows) {
			if t, err := f.Tensor(rows); err != nil || t.DType != weights.I8 {
				return errors.Join(err, a.badTensor(key, "stands beside what is no int8 matrix"))
			}
			continue // Adapter.matrix reads it
		}
		switch {
		case !ok, strings.Contains(name, "lora_") && !isA && !isB:
			return a.unknown(key)
		case isB:
			if !f.Has(strings.TrimSuffix(key, keyB) + keyA) {
				return a.badTensor(key, "has no lora_A beside it")
			}
		case isA:
			if err := p.low(a, f, c, module); err != nil {
				return err
			}
		case !slices.ContainsFunc(p.exclude, func(whole string) bool { return strings.Contains("."+name, "."+whole+".") }):
			return a.unknown(key)
		default:
			if err := p.whole(a, f, key, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// low takes both halves of a module's adapter.
func (p *Parts) low(a *Adapter, f *weights.Folder, c config, module string) error {
	key := keyPrefix + module + keyA
	if !p.Targets(module) {
		return a.badTensor(key, "target_modules does not name it")
	}
	if !f.Has(keyPrefix + module + keyB) {
		return a.badTensor(key, "has no lora_B beside it")
	}
	x, xs, err := a.matrix(f, key)
	if err != nil {
		return err
	}
	y, ys, err := a.matrix(f, keyPrefix+module+keyB)
	if err != nil {
		return err
	}
	rank, alpha := c.RankPattern.of(module, float64(c.R)), c.AlphaPattern.of(module, *c.Alpha)
	if xs[0] != ys[1] || float64(xs[0]) != rank || rank < 1 || rank > MaxRank {
		return a.badTensor(key, fmt.Sprintf("A %v, B %v, rank %v", xs, ys, rank))
	}
	t := Target{Rank: int(xs[0]), In: int(xs[1]), Out: int(ys[0]), Alpha: alpha, Scale: scaleOf(alpha, int(rank), c.RSLora), A: x, B: y}
	if !finite(x) || !finite(y) || !finite([]float32{t.Scale}) {
		return notFinite(p.Name, module)
	}
	p.Low[module] = t
	return nil
}

func notFinite(name, what string) error {
	return core.Explain(fmt.Errorf("adapter %q: %s: not a finite number: %w", name, what, core.ErrCorrupt), "error.lora.value", name, what)
}

// whole takes a tensor of a module that was saved whole.
func (p *Parts) whole(a *Adapter, f *weights.Folder, key, name string) error {
	t, err := f.Tensor(key)
	if err != nil {
		return err
	}
	if !t.DType.Float() || len(t.Shape) == 0 || len(t.Shape) > 2 || t.Elements() > 1<<24 {
		return a.badTensor(key, fmt.Sprintf("%v %v", t.DType, t.Shape))
	}
	v := make([]float32, t.Elements())
	if err := t.Float32(v); err != nil {
		return fmt.Errorf("adapter %q: %w", p.Name, err)
	}
	if !finite(v) {
		return notFinite(p.Name, name)
	}
	p.Whole[name] = Whole{slices.Clone(t.Shape), v}
	return nil
}

// Parameters is the number of weights.
func (p *Parts) Parameters() int64 {
	var n int64
	for _, t := range p.Low {
		n += int64(len(t.A)) + int64(len(t.B))
	}
	for _, w := range p.Whole {
		n += int64(len(w.Values))
	}
	return n
}

// ID is 16 hex digits over everything that has a say in what the adapter computes; the same weights have the same ID wherever they lie.
func (p *Parts) ID() string {
	h := sha256.New()
	for _, module := range slices.Sorted(maps.Keys(p.Low)) {
		t := p.Low[module]
		fmt.Fprintf(h, "%q %d %d %d %v\n", module, t.Rank, t.In, t.Out, t.Scale)
		sum(h, t.A)
		sum(h, t.B)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Whole)) {
		w := p.Whole[name]
		fmt.Fprintf(h, "%q %v\n", name, w.Shape)
		sum(h, w.Values)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// AddTo adds scale B A to the rows from first on of a matrix [Out, In], dst [rows, In], in fp32.
func (t *Target) AddTo(dst []float32, first int) {
	row := make([]float32, t.In)
	for o := range len(dst) / t.In {
		clear(row)
		for k, b := range t.B[(first+o)*t.Rank : (first+o+1)*t.Rank] {
			a := t.A[k*t.In : (k+1)*t.In]
			for i, v := range a {
				row[i] += b * v
			}
		}
		out := dst[o*t.In : (o+1)*t.In]
		for i, v := range row {
			out[i] += t.Scale * v
		}
	}
}

// sum puts the bits of numbers into a hash.
func sum(h io.Writer, v []float32) {
	b := make([]byte, 0, 64<<10)
	for len(v) > 0 {
		n := min(len(v), cap(b)/4)
		for _, x := range v[:n] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		_, _ = h.Write(b) // a hash takes everything
		b, v = b[:0], v[n:]
	}
}
