package chat

import (
	"context"
	"testing"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/calibrate"
)

// cautious is a refuser.
type cautious struct {
	mode  calibrate.Mode
	works bool
	err   error
}

func (c *cautious) Refusal(context.Context) (calibrate.Mode, bool) { return c.mode, c.works }

func (c *cautious) SetRefusal(mode calibrate.Mode) error {
	if c.err == nil {
		c.mode = mode
	}
	return c.err
}

// TestHowTheModelRefusesIsChosen: how the model refuses can be chosen where it has bounds; what cannot be set is told and stays as it was.
func TestHowTheModelRefusesIsChosen(t *testing.T) {
	r := newRig(t)
	m := r.m
	if lines, _ := m.Refusals(); len(lines) != 0 {
		t.Errorf("without anybody to ask: %q", lines)
	}
	c := &cautious{mode: calibrate.Careful}
	m.refusing = c
	m.Refresh()
	r.settle()
	if lines, _ := m.Refusals(); len(lines) != 0 {
		t.Errorf("a model without bounds: %q", lines)
	}
	c.works = true
	m.Heard(app.TopicSettings)
	r.settle()
	lines, chosen := m.Refusals()
	if len(lines) != 4 || lines[chosen] != m.shell.Text("chat.refusal.careful") {
		t.Fatalf("choices %q, chosen %d", lines, chosen)
	}
	m.SetRefusal(2)
	if _, chosen := m.Refusals(); c.mode != calibrate.Helpful || chosen != 2 {
		t.Errorf("set %q, shown %d", c.mode, chosen)
	}
	c.err = core.ErrUsage
	m.SetRefusal(3)
	if _, chosen := m.Refusals(); c.mode != calibrate.Helpful || chosen != 2 || len(r.errors) != 1 {
		t.Errorf("what could not be set: %q, shown %d", c.mode, chosen)
	}
}
