package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/weights"
)

// large is the number of parameters from which a model runs in 4 bits by itself, so that its 4-bit form is made when it is imported and
// not at the first question.
var large int64 = 1_000_000_000 // smaller in tests

// quantizeFolder writes a folder's 4-bit form; tests let it fail.
var quantizeFolder = (*weights.Folder).Quantize

// Quantize writes a chat model's 4-bit form beside it (the folder "nf4" in its own, in bitsandbytes' format), from which it is loaded when
// it runs in 4 bits. One that is up to date and whole is left as it is. It is a job with the stages "hash" and "quantize"; cancelled or failed it leaves nothing behind.
func (m *Models) Quantize(ctx context.Context, name string, listen func(job.State)) (Model, error) {
	model, err := m.Find(ctx, name)
	if err != nil {
		return Model{}, err
	}
	if model.Kind != KindChat {
		return Model{}, core.Explain(fmt.Errorf("quantize model %q: %w", name, core.ErrUnsupported), "error.model.nochat", name)
	}
	defer m.hold(name)()
	j := m.Jobs.Start(ctx, job.Name{Key: "job.quantize", Note: name}, func(ctx context.Context, p core.Progress) (err error) {
		model.FourBit, err = in4Bit(ctx, model.Dir, model.sums(), p)
		return err
	}, listen)
	if err := j.Wait(context.Background()); err != nil {
		return Model{}, fmt.Errorf("quantize model %q: %w", name, err)
	}
	model.Unkept = nil
	m.Bus.Tell(TopicModels)
	return model, nil
}

// in4Bit makes the 4-bit form of the model in dir unless it is there, and gives its size. sums are the files' hashes, where they are known.
func in4Bit(ctx context.Context, dir string, sums map[string]string, p core.Progress) (n int64, err error) {
	folder, err := weights.Open(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	if _, err := weights.Quantizable(folder); err != nil {
		return 0, err
	}
	dst := filepath.Join(dir, weights.Cache4Bit)
	there := func() bool {
		made, err := weights.Open4BitOf(dst, folder)
		return err == nil && made.Close() == nil
	}
	if !there() {
		id, known := folder.IDFrom(sums)
		if !known {
			if id, err = folder.ID(ctx, p); err != nil {
				return 0, err
			}
		}
		if err := os.RemoveAll(dst); err != nil {
			return 0, fmt.Errorf("remove the old 4-bit form: %w", err)
		}
		if err := quantizeFolder(folder, ctx, dst, id, p); err != nil && !there() { // the engine may have been quicker
			return 0, err
		}
	}
	return folderBytes(dst)
}
