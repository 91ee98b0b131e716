package lora

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"kakoi/core"
)

// Names of the matrices of a layer that an adapter can change, as they stand below "gpt_neox.layers.I.".
const (
	QueryKeyValue = "attention.query_key_value" // [3D, D]
	Dense         = "attention.dense"           // [D, D]
	Up            = "mlp.dense_h_to_4h"         // [F, D]
	Down          = "mlp.dense_4h_to_h"         // [D, F]
)

// Names lists them in the order of a layer's computation.
var Names = []string{QueryKeyValue, Dense, Up, Down}

// MaxRank is the largest rank that is read: beyond it an adapter is no small change any more.
const MaxRank = 1024

// Adapter is LoRA weights of one model. Nothing in it changes after Read or New.
type Adapter struct {
	ID      string // 16 hex digits over the tensors and the scales; the same weights have the same ID wherever they lie
	Name    string // of the folder
	Base    string // base_model_name_or_path: where the model came from, for people
	Rank    int    // r of the configuration; single targets may differ
	Alpha   float64
	Dropout float64  // of training; nothing is dropped here
	RSLora  bool     // Scale is alpha/sqrt(r)
	Targets []Target // sorted by layer, then in the order of Names
}

// Target is the change of one matrix.
type Target struct {
	Layer int
	Name  string // one of Names
	Rank  int
	In    int
	Out   int
	Alpha float64
	Scale float32   // what B A x is multiplied with
	A     []float32 // [Rank, In] row-major
	B     []float32 // [Out, Rank] row-major
}

// Target is the change of the matrix called name in a layer, nil without one.
func (a *Adapter) Target(layer int, name string) *Target {
	i, ok := slices.BinarySearchFunc(a.Targets, Target{Layer: layer, Name: name}, order)
	if !ok {
		return nil
	}
	return &a.Targets[i]
}

// MaxRank is the largest rank of a target, 0 without targets.
func (a *Adapter) MaxRank() int {
	n := 0
	for i := range a.Targets {
		n = max(n, a.Targets[i].Rank)
	}
	return n
}

// Parameters is the number of weights.
func (a *Adapter) Parameters() int64 {
	var n int64
	for i := range a.Targets {
		n += int64(len(a.Targets[i].A)) + int64(len(a.Targets[i].B))
	}
	return n
}

// order sorts targets as Adapter.Targets is sorted.
func order(a, b Target) int {
	return cmp.Or(cmp.Compare(a.Layer, b.Layer), cmp.Compare(slices.Index(Names, a.Name), slices.Index(Names, b.Name)))
}

// Shape is the size of a matrix.
type Shape struct{ Out, In int }

// Model is what an adapter has to fit: the number of layers and the shape of each matrix by its name.
type Model struct {
	Layers int
	Shapes map[string]Shape
}

// ModelOf is the Model of a GPT-NeoX shape.
func ModelOf(layers, hidden, ffn int) Model {
	return Model{Layers: layers, Shapes: map[string]Shape{
		QueryKeyValue: {3 * hidden, hidden}, Dense: {hidden, hidden}, Up: {ffn, hidden}, Down: {hidden, ffn},
	}}
}

// Fits says whether the adapter belongs to a model of this shape: core.ErrCorrupt, with a sentence that names the first matrix that
// does not fit.
func (a *Adapter) Fits(m Model) error {
	for i := range a.Targets {
		t := &a.Targets[i]
		s, ok := m.Shapes[t.Name]
		if !ok || t.Layer < 0 || t.Layer >= m.Layers {
			return core.Explain(fmt.Errorf("adapter %q: layer %d, %s in a model of %d layers: %w", a.Name, t.Layer, t.Name, m.Layers, core.ErrCorrupt),
				"error.lora.layer", a.Name, t.Layer+1, m.Layers)
		}
		if t.In != s.In || t.Out != s.Out {
			return core.Explain(fmt.Errorf("adapter %q: layer %d, %s is [%d, %d], the model has [%d, %d]: %w", a.Name, t.Layer, t.Name, t.Out, t.In, s.Out, s.In, core.ErrCorrupt),
				"error.lora.model", a.Name, fmt.Sprintf("%s [%d, %d]", t.Name, t.Out, t.In), fmt.Sprintf("[%d, %d]", s.Out, s.In))
		}
	}
	return nil
}

// scaleOf is the factor of a target.
func scaleOf(alpha float64, rank int, rslora bool) float32 {
	if rslora {
		return float32(alpha / math.Sqrt(float64(rank)))
	}
	return float32(alpha / float64(rank))
}

// finish sorts the targets, gives each its scale, checks all of them and sets the ID.
func (a *Adapter) finish() error {
	if len(a.Targets) == 0 {
		return core.Explain(fmt.Errorf("adapter %q changes no matrix: %w", a.Name, core.ErrEmpty), "error.lora.empty", a.Name)
	}
	slices.SortFunc(a.Targets, order)
	if a.Rank == 0 {
		a.Rank, a.Alpha = a.Targets[0].Rank, a.Targets[0].Alpha
	}
	for i := range a.Targets {
		t := &a.Targets[i]
		name := fmt.Sprintf("layer %d, %s", t.Layer, t.Name)
		if i > 0 && order(a.Targets[i-1], *t) == 0 {
			return core.Explain(fmt.Errorf("adapter %q: %s twice: %w", a.Name, name, core.ErrCorrupt), "error.lora.shape", a.Name, name)
		}
		if t.Rank < 1 || t.Rank > MaxRank || t.In < 1 || t.Out < 1 || len(t.A) != t.Rank*t.In || len(t.B) != t.Out*t.Rank {
			return core.Explain(fmt.Errorf("adapter %q: %s: A of %d and B of %d numbers for [%d, %d] with rank %d: %w", a.Name, name, len(t.A), len(t.B), t.Out, t.In, t.Rank, core.ErrCorrupt),
				"error.lora.shape", a.Name, name)
		}
		t.Scale = scaleOf(t.Alpha, t.Rank, a.RSLora)
		if !finite(t.A) || !finite(t.B) || !finite([]float32{t.Scale}) {
			return core.Explain(fmt.Errorf("adapter %q: %s: not a finite number: %w", a.Name, name, core.ErrCorrupt), "error.lora.value", a.Name, name)
		}
	}
	a.ID = a.Sum()[:16]
	return nil
}

func finite(v []float32) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}
