package main

import (
	"context"
	"fmt"

	"kakoi/core"
)

// windowCommand is what the program does without a command.
func windowCommand() *command {
	return &command{name: "window", library: true, window: true, run: runRaise}
}

// runRaise answers a second start: the window that is open comes to the front.
func runRaise(_ context.Context, c *call) error {
	if c.raise == nil {
		return core.Explain(fmt.Errorf("raise the window: %w", core.ErrBusy), "error.window.busy")
	}
	c.raise()
	return nil
}

func errNoWindow() error {
	return core.Explain(fmt.Errorf("open the window: %w", core.ErrUnsupported), "error.window.none")
}
