package app_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/closed"
	"kakoi/index"
)

// verifier is a store with made-up damage.
type verifier struct {
	problems []index.Problem
	err      error
}

func (verifier) Files() index.Files { return index.Files{Tables: 3, Limit: 1024} }

func (v verifier) Verify(_ context.Context, p core.Progress) ([]index.Problem, error) {
	p.Report(core.Update{Stage: "verify", Done: 1, Total: 1})
	return v.problems, v.err
}

func (b *bench) doctor(v app.Verifier) *app.Doctor {
	return &app.Doctor{
		Library: b.library, Models: b.models, Engine: b.models.Engine, Jobs: b.models.Jobs, Store: v, Data: b.dir,
		Explain: func(err error) string { return "explained: " + err.Error() }, Text: func(key string) string { return key },
	}
}

func TestCheckLibrary(t *testing.T) {
	b := open(t, nil)
	if _, err := b.add(b.files(2, 5)); err != nil {
		t.Fatal(err)
	}
	stages := map[string]bool{}
	h, err := b.doctor(verifier{}).CheckLibrary(t.Context(), func(s job.State) { stages[s.Stage] = true })
	if err != nil || !h.OK || h.Documents != 2 || h.Chunks == 0 || !stages["verify"] {
		t.Errorf("sound: %+v, %v, stages %v", h, err, stages)
	}
	h, err = b.doctor(verifier{problems: []index.Problem{
		{Document: "d1", Name: "rules.txt", Err: core.ErrCorrupt}, {Document: "d2", Err: core.ErrBusy}, {Document: "d3", Err: core.ErrCorrupt},
	}}).CheckLibrary(t.Context(), nil)
	if err != nil || h.OK || len(h.Problems) != 2 || h.Problems[0].Document != "rules.txt" || h.Problems[1].Document != "d3" || h.Unfinished != 1 {
		t.Errorf("damaged: %+v, %v", h, err)
	}
	h, err = b.doctor(verifier{err: errors.New("disk")}).CheckLibrary(t.Context(), nil)
	if err != nil || h.OK || h.Error != "explained: disk" {
		t.Errorf("unreadable: %+v, %v", h, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.doctor(verifier{}).CheckLibrary(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRefusedNeedsAttempts(t *testing.T) {
	yes, no := closed.Attempt{What: "socket", Refused: true}, closed.Attempt{What: "socket"}
	for _, c := range []struct {
		attempts []closed.Attempt
		want     bool
	}{{nil, false}, {[]closed.Attempt{yes, yes}, true}, {[]closed.Attempt{yes, no}, false}} {
		if got := app.Refused(closed.Proof{Attempts: c.attempts}); got != c.want {
			t.Errorf("%v: %v", c.attempts, got)
		}
	}
}

func TestPlaces(t *testing.T) {
	b := open(t, nil)
	if err := os.MkdirAll(filepath.Join(b.dir, "models", "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "models", "mine", "w.safetensors"), make([]byte, 300_000), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := b.doctor(verifier{}).Places(t.Context())
	if err != nil || p.Data != b.dir || p.Models < 290_000 || p.Library <= 0 || p.Free <= 0 || p.Other < 0 {
		t.Errorf("places %+v, %v", p, err)
	}
}

func TestEngineProof(t *testing.T) {
	b := open(t, nil)
	p, err := b.doctor(verifier{}).EngineProof(t.Context())
	if err != nil || !app.Refused(p) {
		t.Errorf("proof %+v, %v", p, err)
	}
}
