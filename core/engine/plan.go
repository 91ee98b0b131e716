package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"kakoi/core"
)

// PlanOptions is what a memory plan is made for. Zero values: the engine's own choice of device and dtype, the model's whole context, one
// row, no adapter.
type PlanOptions struct {
	Model    string `json:"model"` // folder
	Device   string `json:"device,omitempty"`
	DType    string `json:"dtype,omitempty"`
	Context  int    `json:"context,omitempty"`  // tokens of a row, prompt and answer
	Batch    int    `json:"batch,omitempty"`    // rows answered together
	Kept     int    `json:"kept,omitempty"`     // rows kept between requests
	Adapters int    `json:"adapters,omitempty"` // attached at a time
	Rank     int    `json:"rank,omitempty"`     // of each
	Train    int    `json:"train,omitempty"`    // tokens of a training step; 0: no training
	Recomp   string `json:"recompute,omitempty"`
}

// PlanBuffer is a piece of memory of one purpose.
type PlanBuffer struct {
	Group string   `json:"group"`
	Name  string   `json:"name"`
	Bytes int64    `json:"bytes"`
	When  []string `json:"when"` // "load", "prefill", "decode", "train"
}

// Plan is the memory a model takes at work, known before anything is allocated.
type Plan struct {
	Model    string           `json:"model"` // name of the folder
	Device   string           `json:"device"`
	DType    string           `json:"dtype"`
	Context  int              `json:"context"`
	Batch    int              `json:"batch"`
	Kept     int              `json:"kept,omitempty"`
	Adapters int              `json:"adapters,omitempty"`
	Buffers  []PlanBuffer     `json:"buffers"`
	Phases   map[string]int64 `json:"phases"` // bytes of each phase
	Peak     int64            `json:"peak"`   // of the largest
	Free     int64            `json:"free"`   // on the device now; 0: unknown
	Fits     bool             `json:"fits"`
	Longest  int              `json:"longest,omitempty"` // context that would fit, where the plan does not
	Most     int              `json:"most,omitempty"`    // rows that would fit
	Measured bool             `json:"measured"`          // the figures were held against measurements
}

// Plan computes the memory a model would take, without loading it. One that does not fit is a result, not an error.
func (c *Client) Plan(ctx context.Context, o PlanOptions) (p Plan, err error) {
	options, err := json.Marshal(o)
	if err != nil {
		return p, fmt.Errorf("plan: %w", err)
	}
	found := false
	err = c.Bench(ctx, "plan", options, func(b json.RawMessage) error {
		found = true
		return json.Unmarshal(b, &p)
	})
	if err == nil && !found {
		err = fmt.Errorf("plan: no answer: %w", core.ErrEngine)
	}
	return p, err
}
