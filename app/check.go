package app

import (
	"context"
	"fmt"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/weights"
)

// Check reads all files of a model again, as a job: those of an imported one are held against the hashes of its import, those
// of any against what a sound model has. It returns the ID over the contents.
func (m *Models) Check(ctx context.Context, name string, listen func(job.State)) (id string, err error) {
	model, err := m.Find(ctx, name)
	if err != nil {
		return "", err
	}
	j := m.Jobs.Start(ctx, job.Name{Key: "job.verify", Note: name}, func(ctx context.Context, p core.Progress) (err error) {
		if id, err = m.Verify(ctx, model, p); err != nil {
			return err
		}
		if model.Kind == KindEvidence {
			return nil // Verify has read all of it
		}
		if _, err = weights.Check(ctx, model.Dir, purpose(model.Kind), p); err != nil {
			return fmt.Errorf("check model %q: %w", name, err)
		}
		return nil
	}, listen)
	err = j.Wait(context.Background())
	return id, err
}
