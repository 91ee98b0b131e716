package main

import (
	"encoding/json"
	"errors"
	"testing"

	"kakoi/core"
	"kakoi/core/engine"
)

// The engine without libtorch still runs, proves that it is closed, and refuses models with the reason.
func TestBareEngineServes(t *testing.T) {
	c, err := engine.Start(t.Context(), engine.Params{Binary: build(t, "")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Version != "under-test" || s.Device.Device != "none" || s.Proof.Refusals() < 14 {
		t.Errorf("status %+v", s)
	}
	_, err = c.LoadGenerator(t.Context(), t.TempDir(), engine.ModelOptions{}, nil)
	bare(t, err)
	_, err = c.LoadEmbedder(t.Context(), t.TempDir(), engine.ModelOptions{}, nil)
	bare(t, err)
	bare(t, c.Selftest(t.Context(), "", func(engine.Check) error { return nil }))
	bare(t, c.Bench(t.Context(), "decode", nil, func(json.RawMessage) error { return nil }))
}

func bare(t *testing.T, err error) {
	t.Helper()
	var user *core.UserError
	if !errors.Is(err, core.ErrNoDevice) || !errors.As(err, &user) || user.Key != "error.engine.bare" {
		t.Errorf("error %v", err)
	}
}
