//go:build torch

package neox

import (
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
)

// Describe opens the device called name and says which it is and what it has. It waits for what a GPU is doing.
// Errors are core.ErrNoDevice and core.ErrUsage.
func Describe(name string) (DeviceState, error) {
	dev, err := device.Open(name, 0)
	if err != nil {
		return DeviceState{}, err
	}
	d := DeviceState{Name: dev.Name(), Reason: dev.Reason(), Library: torch.Version()}
	if dev.CUDA() {
		m, err := dev.Memory()
		if err != nil {
			return DeviceState{}, err
		}
		d.Total, d.Free = m.Total, m.Free
	}
	return d, nil
}
