//go:build torch

package neox

import (
	"context"
	"testing"

	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

// TestStress runs the self-test's random requests on states that keep 8 rows, and on a runner whose device samples.
func TestStress(t *testing.T) {
	torchtest.Setup(t)
	dev, err := device.Open(torchtest.Device(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, wrap := range map[string]func(runner) runner{"host": nil, "device": func(r runner) runner { return onDevice{r} }} {
		t.Run(name, func(t *testing.T) {
			c := tinyLong()
			x := stress{dev: dev, cfg: c, requests: 200, seed: 7, open: func() (runner, error) {
				m, err := loadModel(context.Background(), dev, c, torch.Float32, newMemorySource(c), nil)
				if err != nil {
					return nil, err
				}
				r := runner(newTorchRunner(m, dev.CUDA()))
				if wrap != nil {
					r = wrap(r)
				}
				return r, nil
			}}
			detail, err := x.run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			t.Log(detail)
		})
	}
}
