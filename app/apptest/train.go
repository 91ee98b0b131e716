package apptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"kakoi/core"
	"kakoi/core/lora"
	"kakoi/core/rag"
	"kakoi/core/vault"
)

// Shape of the chat models of Folders, as their config.json says it.
const (
	trainLayers = 1
	trainHidden = 4
)

// memory is what the trainer of this package learns: the labels of the prompts it has seen. An adapter's folder holds it beside weights
// that are made of it. A model with one answers those prompts by heart, and refuses where what it reads has little of the question when
// a refusal was among what it learned.
type memory struct {
	Step   int               `json:"step"`
	Labels map[string]string `json:"labels"` // by prompt
	Best   float64           `json:"best"`
	At     int               `json:"at"`            // step of the best
	Due    bool              `json:"due,omitempty"` // it was stopped before an evaluation
}

const memoryFile = "memory.json"

func (m memory) refuses() bool {
	for _, l := range m.Labels {
		if rag.Refused(l, nil) {
			return true
		}
	}
	return false
}

// loss falls with the share of the rows that are known; those that refuse are learned by refusing.
func (m memory) loss(rows []core.TrainRow) float64 {
	known := 0.0
	for _, r := range rows {
		if _, ok := m.Labels[r.Inputs]; ok || m.refuses() && rag.Refused(r.Labels, nil) {
			known++
		}
	}
	return 2 - 1.5*known/float64(max(1, len(rows)))
}

// PlanTraining counts rows and steps.
func (g generator) PlanTraining(ctx context.Context, req core.TrainRequest) (core.TrainPlan, error) {
	s := req.Settings
	if s.Rank < 1 || s.Epochs <= 0 || s.Batch < 1 || s.Accumulate < 1 {
		return core.TrainPlan{}, fmt.Errorf("train with rank %d, %g epochs, batch %d x %d: %w", s.Rank, s.Epochs, s.Batch, s.Accumulate, core.ErrUsage)
	}
	p := core.TrainPlan{
		Trainable: int64(s.Rank) * 4 * trainHidden, All: 1000, Rows: len(req.Rows), Held: len(req.Held), Compute: "fp32", Recompute: "none", Batch: s.Batch,
		Accumulate: s.Accumulate, Bytes: []core.TrainBytes{{Part: "weights", Bytes: 1 << 20}, {Part: "adapter", Bytes: 1 << 10}}, Free: -1,
	}
	for _, r := range req.Rows {
		p.Tokens += int64(len([]rune(r.Inputs + r.Labels)))
	}
	step := s.Batch * s.Accumulate
	p.EpochStep = (len(req.Rows) + step - 1) / step
	p.Steps = max(1, int(s.Epochs*float64(p.EpochStep)))
	return p, ctx.Err()
}

// Train learns Batch times Accumulate rows a step, evaluates after each epoch, or EvalSteps, and saves then.
func (g generator) Train(ctx context.Context, req core.TrainRequest, emit func(core.TrainEvent) error) (result core.TrainResult, err error) {
	plan, err := g.PlanTraining(context.WithoutCancel(ctx), req)
	if err != nil {
		return result, err
	}
	m := memory{Labels: map[string]string{}}
	file := filepath.Join(req.Dir, "checkpoints", "step-000001.ckpt")
	if req.Resume {
		if m, err = readMemory(g.client.Key, file); errors.Is(err, fs.ErrNotExist) {
			return result, core.Explain(fmt.Errorf("resume without a checkpoint: %w", core.ErrNotFound), "error.train.resume.none")
		} else if err != nil {
			return result, err
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return result, err
	}
	tell := func(ev core.TrainEvent) error {
		ev.Step, ev.Steps, ev.Epoch = m.Step, plan.Steps, float64(m.Step)/float64(plan.EpochStep)
		return emit(ev)
	}
	save := func() error {
		raw, err := json.Marshal(m)
		if err == nil {
			err = g.client.Key.WriteFile(file, raw)
		}
		if err != nil {
			return err
		}
		result.Step, result.Steps, result.BestStep, result.BestLoss = m.Step, plan.Steps, m.At, m.Best
		return tell(core.TrainEvent{Kind: core.TrainCheckpoint})
	}
	if err := tell(core.TrainEvent{Kind: core.TrainPlanned, Plan: &plan}); err != nil {
		return result, err
	}
	every := req.Settings.EvalSteps
	if every == 0 {
		every = plan.EpochStep
	}
	evaluate := func() error {
		held := m.loss(req.Held)
		best := m.At == 0 || held < m.Best
		if best {
			m.Best, m.At = held, m.Step
		}
		m.Due = false
		return tell(core.TrainEvent{Kind: core.TrainEvaluated, HeldLoss: held, Best: best})
	}
	if m.Due {
		if err := evaluate(); err != nil {
			return result, err
		}
	}
	size := plan.Batch * plan.Accumulate
	for m.Step < plan.Steps {
		if g.client.Training != nil {
			if err := g.client.Training(m.Step); err != nil {
				return core.TrainResult{Step: m.Step, Steps: plan.Steps}, err
			}
		}
		for i := range size {
			r := req.Rows[(m.Step*size+i)%len(req.Rows)]
			m.Labels[r.Inputs] = r.Labels
		}
		m.Step++
		if err := tell(core.TrainEvent{Kind: core.TrainStepped, Loss: m.loss(req.Rows), Rate: req.Settings.LearningRate, Norm: 1, Tokens: 1000, Left: float64(plan.Steps - m.Step), Peak: 2 << 20}); err != nil {
			return result, err
		}
		stop := ctx.Err() != nil
		if m.Step%every == 0 || m.Step == plan.Steps || stop {
			m.Due = stop && len(req.Held) > 0 && (m.Step%every == 0 || m.Step == plan.Steps) // a step is finished, an evaluation not begun
			if len(req.Held) > 0 && !stop {
				if err := evaluate(); err != nil {
					return result, err
				}
			}
			if result.Adapter, err = m.write(g.client.Key, req); err != nil {
				return result, err
			}
			if err := save(); err != nil {
				return result, err
			}
		}
		if stop {
			result.End = core.TrainStopped
			return result, ctx.Err()
		}
	}
	result.End, result.Peak = core.TrainDone, 2<<20
	if result.Adapter, err = m.write(g.client.Key, req); err == nil {
		err = save()
	}
	return result, err
}

// write puts the adapter of what is known now into the run's folder.
func (m memory) write(key *vault.Key, req core.TrainRequest) (string, error) {
	raw, err := json.Marshal(memory{Step: m.Step, Labels: m.Labels})
	if err != nil {
		return "", err
	}
	values := func(n int, salt string) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(hash(fmt.Sprint(salt, i, string(raw)))%1000) / 1000
		}
		return v
	}
	rank := req.Settings.Rank
	a, err := lora.New(lora.Adapter{Name: "adapter", Rank: rank, Alpha: req.Settings.Alpha, Targets: []lora.Target{{
		Name: lora.QueryKeyValue, Rank: rank, In: trainHidden, Out: 3 * trainHidden, Alpha: req.Settings.Alpha, A: values(rank*trainHidden, "a"), B: values(3*trainHidden*rank, "b"),
	}}})
	if err != nil {
		return "", err
	}
	dir := filepath.Join(req.Dir, "adapter")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := a.WriteSealed(dir, key); err != nil {
		return "", err
	}
	line, err := json.Marshal(req.Lineage)
	if err != nil {
		return "", err
	}
	return dir, errors.Join(key.WriteFile(filepath.Join(dir, memoryFile), raw), key.WriteFile(filepath.Join(dir, "lineage.json"), line))
}

func readMemory(key *vault.Key, file string) (memory, error) {
	m := memory{Labels: map[string]string{}}
	raw, err := key.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	return m, err
}

// adapted answers a prompt with what an adapter has learned; false leaves it to the model.
func adapted(key *vault.Key, dir, prompt string) (string, bool, error) {
	if _, err := lora.ReadSealed(dir, key); err != nil {
		return "", false, err
	}
	m, err := readMemory(key, filepath.Join(dir, memoryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if l, ok := m.Labels[prompt]; ok {
		return strings.TrimSpace(l), true, nil
	}
	if m.refuses() && inCommon(prompt) < littleInCommon {
		return "The documents do not say.", true, nil
	}
	return "", false, nil
}

// littleInCommon is the share of a question's long words in what is read for it below which a model that has learned to refuse does so.
const littleInCommon = 0.5

func inCommon(prompt string) float64 {
	parts := strings.Split(prompt, "-----------")
	if len(parts) < 3 {
		return 0
	}
	question, _, _ := strings.Cut(strings.TrimSpace(parts[len(parts)-1]), "\n")
	there, long := 0, 0
	for _, word := range strings.FieldsFunc(strings.ToLower(question), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(word) < 4 || word == "question" {
			continue
		}
		long++
		if strings.Contains(strings.ToLower(parts[1]), word) {
			there++
		}
	}
	return float64(there) / float64(max(1, long))
}
