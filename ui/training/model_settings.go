package training

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/core"
)

// settings is the second step: how the run is done, and what it will need.
type settings struct {
	core.TrainSettings
	m       *model
	base    string            // name of the chat model; "": the one in use
	wrong   map[string]string // sentence for a field that does not hold
	planned *app.TrainingPlan // for the dataset and settings as they are; nil: not known
	failed  error             // why there is no plan
	all     bool              // every field is shown
}

// Presets in their order.
const (
	presetRecommended = "recommended"
	presetTechLab     = "techlab"
	presetOwn         = "own"
)

var presets = []string{presetRecommended, presetTechLab, presetOwn}

// recommended is our own preset.
func recommended() core.TrainSettings { return core.Recommended() }

// forget says that the plan is of something else now.
func (s *settings) forget() { s.planned, s.failed = nil, nil }

// ready says whether a run could begin.
func (s *settings) ready() bool { return s.planned != nil && s.planned.Dataset == s.m.set }

// setPreset takes all values of a preset; "own" leaves them as they are.
func (s *settings) setPreset(name string) {
	switch name {
	case presetRecommended:
		s.TrainSettings = recommended()
	case presetTechLab:
		s.TrainSettings = core.TechLab()
	case presetOwn:
		s.Preset = presetOwn
		s.all = true
	}
	s.wrong = nil
	s.changed()
}

func (s *settings) setBase(name string) {
	s.base = name
	s.changed()
}

func (s *settings) changed() {
	s.forget()
	s.m.tell(changedSettings | changedPlan)
	s.plan()
}

// planIfOld works out what the run will need, where that is not known.
func (s *settings) planIfOld() {
	if s.planned == nil && s.failed == nil {
		s.plan()
	}
}

// value of the plan of a run.
func (s *settings) request() app.TrainingPlan {
	p := app.TrainingPlan{Version: 1, Model: s.base, Dataset: s.m.set, Settings: s.TrainSettings}
	if d, ok := s.m.dataset(); ok {
		p.Name = d.Name
	}
	return p
}

// plan works out what the run will need; a plan that is under way is of older settings and ends.
func (s *settings) plan() {
	if len(s.wrong) > 0 {
		return
	}
	if _, ok := s.m.dataset(); !ok {
		return
	}
	if w := s.m.work; w != nil {
		if w.kind != "plan" || w.ended {
			return
		}
		w.ended = true
		if w.cancel != nil {
			w.cancel()
		}
		s.m.work = nil
	}
	want := s.request()
	var got app.TrainingPlan
	s.m.begin("plan", func(ctx context.Context, listen func(job.State)) (err error) {
		got, err = s.m.trainer.Plan(ctx, want, func(u core.Update) { listen(job.State{Update: u}) })
		return err
	}, func(err error) {
		if !sameRequest(want, s.request()) {
			return // of older settings
		}
		if err != nil {
			s.failed, s.m.click = err, false
			return
		}
		s.planned, s.failed = &got, nil
		s.m.goOn()
	})
}

func sameRequest(a, b app.TrainingPlan) bool {
	return a.Dataset == b.Dataset && a.Model == b.Model && values(a.Settings) == values(b.Settings)
}

// values are all fields in one text, to be compared.
func values(t core.TrainSettings) string {
	var out []string
	for _, f := range fields {
		out = append(out, f.get(t))
	}
	return strings.Join(out, "\x00")
}

// field is one value of the settings as a person reads and writes it.
type field struct {
	key     string
	options []string // nil: it is written
	get     func(core.TrainSettings) string
	set     func(*core.TrainSettings, string) bool // false: that is no value of it
}

func whole(key string, at func(*core.TrainSettings) *int, least int) field {
	return field{
		key, nil, func(t core.TrainSettings) string { return strconv.Itoa(*at(&t)) },
		func(t *core.TrainSettings, text string) bool {
			n, err := strconv.Atoi(text)
			if err != nil || n < least {
				return false
			}
			*at(t) = n
			return true
		},
	}
}

func real(key string, at func(*core.TrainSettings) *float64, holds func(float64) bool) field {
	return field{
		key, nil, func(t core.TrainSettings) string { return strconv.FormatFloat(*at(&t), 'g', -1, 64) },
		func(t *core.TrainSettings, text string) bool {
			x, err := strconv.ParseFloat(text, 64)
			if err != nil || !holds(x) {
				return false
			}
			*at(t) = x
			return true
		},
	}
}

func oneOf(key string, at func(*core.TrainSettings) *string, options ...string) field {
	return field{
		key, options, func(t core.TrainSettings) string { return *at(&t) },
		func(t *core.TrainSettings, text string) bool {
			*at(t) = text
			return slices.Contains(options, text)
		},
	}
}

func yesNo(key string, at func(*core.TrainSettings) *bool) field {
	return field{
		key, []string{"yes", "no"}, func(t core.TrainSettings) string {
			if *at(&t) {
				return "yes"
			}
			return "no"
		},
		func(t *core.TrainSettings, text string) bool {
			*at(t) = text == "yes"
			return true
		},
	}
}

func above(x float64) bool { return x > 0 }
func share(x float64) bool { return x >= 0 && x < 1 }
func least(x float64) bool { return x >= 0 }

// fields in the order of the screen: those a person changes first stand first.
var fields = []field{
	real("epochs", func(t *core.TrainSettings) *float64 { return &t.Epochs }, above),
	real("learning_rate", func(t *core.TrainSettings) *float64 { return &t.LearningRate }, above),
	whole("rank", func(t *core.TrainSettings) *int { return &t.Rank }, 1),
	real("alpha", func(t *core.TrainSettings) *float64 { return &t.Alpha }, above),
	real("dropout", func(t *core.TrainSettings) *float64 { return &t.Dropout }, share),
	{
		"targets", nil, func(t core.TrainSettings) string { return strings.Join(t.Targets, ", ") },
		func(t *core.TrainSettings, text string) bool {
			t.Targets = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '、' })
			return len(t.Targets) > 0
		},
	},
	whole("batch", func(t *core.TrainSettings) *int { return &t.Batch }, 1),
	whole("accumulate", func(t *core.TrainSettings) *int { return &t.Accumulate }, 1),
	yesNo("packing", func(t *core.TrainSettings) *bool { return &t.Packing }),
	whole("max_tokens", func(t *core.TrainSettings) *int { return &t.MaxTokens }, 8),
	{
		"loss_on", []string{string(core.LossAnswer), string(core.LossAll)}, func(t core.TrainSettings) string { return string(t.LossOn) },
		func(t *core.TrainSettings, text string) bool {
			t.LossOn = core.LossOn(text)
			return true
		},
	},
	oneOf("schedule", func(t *core.TrainSettings) *string { return &t.Schedule }, "linear", "cosine", "constant"),
	whole("warmup_steps", func(t *core.TrainSettings) *int { return &t.WarmupSteps }, 0),
	oneOf("optimizer", func(t *core.TrainSettings) *string { return &t.Optimizer }, "adamw", "adamw_8bit", "paged_adamw_8bit"),
	real("weight_decay", func(t *core.TrainSettings) *float64 { return &t.WeightDecay }, least),
	real("clip_norm", func(t *core.TrainSettings) *float64 { return &t.ClipNorm }, least),
	oneOf("compute", func(t *core.TrainSettings) *string { return &t.Compute }, "auto", "bf16", "fp16", "fp32"),
	oneOf("recompute", func(t *core.TrainSettings) *string { return &t.Recompute }, "auto", "none", "gelu", "layer"),
	whole("eval_steps", func(t *core.TrainSettings) *int { return &t.EvalSteps }, 0),
	whole("patience", func(t *core.TrainSettings) *int { return &t.Patience }, 0),
	yesNo("best", func(t *core.TrainSettings) *bool { return &t.Best }),
	whole("keep", func(t *core.TrainSettings) *int { return &t.Keep }, 0),
	{
		"seed", nil, func(t core.TrainSettings) string { return strconv.FormatUint(t.Seed, 10) },
		func(t *core.TrainSettings, text string) bool {
			n, err := strconv.ParseUint(text, 10, 64)
			if err == nil {
				t.Seed = n
			}
			return err == nil
		},
	},
}

// set changes a field; the preset is the person's own from then on.
func (s *settings) set(f field, text string) {
	text = strings.TrimSpace(text)
	next := s.TrainSettings
	next.Targets = slices.Clone(next.Targets)
	if !f.set(&next, text) {
		if s.wrong == nil {
			s.wrong = map[string]string{}
		}
		s.wrong[f.key] = s.m.text("training.field.wrong", text)
		s.m.tell(changedSettings)
		return
	}
	delete(s.wrong, f.key)
	if values(next) == values(s.TrainSettings) {
		s.m.tell(changedSettings)
		return
	}
	next.Preset = presetOwn
	s.TrainSettings = next
	s.changed()
}

// part is one of the memory plan.
type part struct {
	name  string // "weights", ...
	text  string
	bytes int64
}

// memory is the plan's memory, part by part, what all is together, and what is left of the device (-1: unknown).
func (m *model) memory(p core.TrainPlan) (parts []part, sum, left int64) {
	for _, b := range p.Bytes {
		if b.Bytes <= 0 {
			continue
		}
		parts = append(parts, part{b.Part, m.text("training.part."+b.Part) + " " + amount.Bytes(b.Bytes), b.Bytes})
		sum += b.Bytes
	}
	left = -1
	if p.Free >= 0 {
		left = max(0, p.Free-sum)
	}
	return parts, sum, left
}

// told is what a plan says in words.
func (m *model) told(p core.TrainPlan, warnings []string) []line {
	lines := []line{{m.text("training.plan.rows", grouped(int64(p.Rows)), grouped(int64(p.Held)), grouped(p.Tokens), grouped(int64(p.Steps))), linePlain}}
	for _, key := range warnings {
		lines = append(lines, line{m.warning(key), lineWarn})
	}
	if p.TooLong > 0 {
		lines = append(lines, line{m.text("training.plan.toolong", p.TooLong), lineWarn})
	}
	if p.NoLabels > 0 {
		lines = append(lines, line{m.text("training.plan.nolabels", p.NoLabels), lineWarn})
	}
	for _, a := range p.Adapted {
		text := m.text("training.adapted." + a)
		switch a {
		case "batch":
			text = m.text("training.adapted.batch.to", p.Batch, p.Accumulate)
		case "recompute":
			text = m.text("training.adapted.recompute.to", m.text("training.option.recompute."+p.Recompute))
		}
		lines = append(lines, line{text, lineWarn})
	}
	switch {
	case p.Seconds > 0:
		key := "training.plan.time"
		if p.SecondsFrom != "" {
			key += "." + string(p.SecondsFrom)
		}
		lines = append(lines, line{m.text(key, m.span(p.Seconds)), linePlain})
	default:
		lines = append(lines, line{m.text("training.plan.notime"), lineQuiet})
	}
	share := 0.0
	if p.All > 0 {
		share = 100 * float64(p.Trainable) / float64(p.All)
	}
	return append(lines, line{m.text("training.plan.trainable", grouped(p.Trainable), grouped(p.All), share), lineQuiet})
}

// span says how long something takes, as a person would.
func (m *model) span(seconds float64) string {
	switch {
	case seconds < 90:
		return m.text("training.span.seconds", max(1, int(seconds+0.5)))
	case seconds < 90*60:
		return m.text("training.span.minutes", int(seconds/60+0.5))
	}
	return m.text("training.span.hours", seconds/3600)
}

func clock(seconds float64) string {
	return amount.Clock(time.Duration(seconds * float64(time.Second)))
}

// savePlan writes the plan for the command line (kakoi train --plan-file).
func (s *settings) savePlan(path string) {
	p := s.request()
	if s.planned != nil {
		p = *s.planned
	}
	s.m.host.Go(func(context.Context) {
		err := app.SavePlan(path, p)
		s.m.host.Post(func() {
			if err != nil {
				s.m.host.ShowError(err)
				return
			}
			s.m.host.Toast(s.m.text("training.plan.saved"))
		})
	})
}

// openPlan takes settings, base model and dataset of a plan file.
func (s *settings) openPlan(path string) {
	s.m.host.Go(func(context.Context) {
		p, err := app.LoadPlan(path)
		s.m.host.Post(func() {
			if err != nil {
				s.m.host.ShowError(err)
				return
			}
			if p.Dataset != "" && p.Dataset != s.m.set {
				before := s.m.set
				s.m.set = p.Dataset
				_, ok := s.m.dataset()
				s.m.set = before
				if ok {
					s.m.choose(p.Dataset)
				} else {
					s.m.host.Toast(s.m.text("training.plan.nodataset"))
				}
			}
			s.TrainSettings, s.base, s.wrong = p.Settings, p.Model, nil
			s.m.step = stepSettings
			s.changed()
			s.m.tell(changedAll)
		})
	})
}

func (m *model) freeText(left int64) string {
	return m.text("training.part.free") + " " + amount.Bytes(left)
}

// grouped writes a large number with a comma between every three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
