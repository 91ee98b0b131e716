package train

import (
	"math"

	"kakoi/core"
)

// rate is the learning rate of a step, counted from 0, of steps: the schedules of transformers (get_linear_schedule_with_warmup,
// get_cosine_schedule_with_warmup, get_constant_schedule_with_warmup). With a warm-up the first step's rate is 0.
func rate(s core.TrainSettings, step, steps int) float64 {
	if step < s.WarmupSteps {
		return s.LearningRate * float64(step) / float64(max(1, s.WarmupSteps))
	}
	left := float64(max(1, steps-s.WarmupSteps))
	switch s.Schedule {
	case "linear":
		return s.LearningRate * max(0, float64(steps-step)/left)
	case "cosine":
		done := float64(step-s.WarmupSteps) / left
		return s.LearningRate * max(0, 0.5*(1+math.Cos(math.Pi*done)))
	}
	return s.LearningRate
}

// scaler is the loss scaling of fp16, with the numbers of torch.amp.GradScaler: the gradients are computed of a multiple of the
// loss, so that small ones do not vanish; after an overflow the multiple is halved, after a while without one doubled.
type scaler struct {
	On    bool    `json:"on"`
	Scale float64 `json:"scale"`
	Good  int     `json:"good"` // steps since the last change
}

func newScaler(on bool) scaler {
	if on {
		return scaler{On: true, Scale: 65536}
	}
	return scaler{Scale: 1}
}

// next takes note of a step, whose gradients were finite or not, and says whether it counts.
func (s *scaler) next(finite bool) bool {
	if !s.On {
		return finite
	}
	if !finite {
		s.Scale, s.Good = s.Scale/2, 0
		return false
	}
	if s.Good++; s.Good == 2000 {
		s.Scale, s.Good = s.Scale*2, 0
	}
	return true
}
