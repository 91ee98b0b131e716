//go:build !linux

package closed

import (
	"fmt"

	"kakoi/core"
)

// Inspect has nothing to read here.
func Inspect() (Process, error) {
	return Process{}, fmt.Errorf("look at the process: %w", core.ErrUnsupported)
}

// ForgetPeak does nothing here.
func ForgetPeak() {}
