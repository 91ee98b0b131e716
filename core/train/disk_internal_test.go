//go:build torch

package train

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/vault"
)

// fullFile has no space after some bytes.
type fullFile struct {
	fileOut
	left int
}

func (f *fullFile) Write(b []byte) (int, error) {
	if len(b) > f.left {
		return 0, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	}
	f.left -= len(b)
	return f.fileOut.Write(b)
}

// TestFullDisk: a checkpoint that finds no space is told, and tried again; the run goes on, and loses nothing when there is space
// again. A run that ends without space says so, and the checkpoints that were there are whole.
func TestFullDisk(t *testing.T) {
	torchtest.Setup(t)
	g := load(t, tinyFolder(t, golden(t).Cases[0].Config), "fp32")
	whole := t.TempDir()
	if _, err := New(g).Train(context.Background(), tinyRequest(whole), nil); err != nil {
		t.Fatal(err)
	}
	plain := create
	defer func() { create = plain }()
	full := false
	create = func(key *vault.Key, path string) (fileOut, error) {
		f, err := plain(key, path)
		if full && err == nil && strings.Contains(path, ".ckpt") {
			return &fullFile{f, 5000}, nil
		}
		return f, err
	}
	for _, forever := range []bool{false, true} {
		dir := t.TempDir()
		var events record
		req := tinyRequest(dir)
		res, err := New(g).Train(context.Background(), req, func(e core.TrainEvent) error {
			if e.Kind == core.TrainStepped {
				full = e.Step >= 8 && (forever || e.Step < 20)
			}
			return events.add(e)
		})
		full = false
		warned := events.of(core.TrainWarned)
		if len(warned) != 1 || warned[0].Note != "train.warn.space" {
			t.Errorf("warnings %+v", warned)
		}
		steps, lerr := checkpointSteps(dir)
		if lerr != nil {
			t.Fatal(lerr)
		}
		parts, _ := filepath.Glob(filepath.Join(dir, checkpointFolder, "*.part"))
		if len(parts) > 0 {
			t.Errorf("left over: %v", parts)
		}
		for _, s := range steps {
			if _, _, err := readProgress(nil, checkpointName(dir, s)); err != nil {
				t.Error(err)
			}
		}
		if forever {
			if key(err) != "error.train.space" || !errors.Is(err, core.ErrNoSpace) || !slices.Equal(steps, []int{3, 6}) {
				t.Errorf("no space for good: %v, checkpoints %v", err, steps)
			}
			req.Resume = true
			res, err = New(g).Train(context.Background(), req, nil)
		}
		if err != nil || res.End != core.TrainDone {
			t.Fatalf("%+v, %v", res, err)
		}
		if !bytes.Equal(adapterBytes(t, whole), adapterBytes(t, dir)) && res.BestStep != 0 {
			// While the disk was full the best checkpoint may have been missed; the weights at the end are the same.
			if !slices.Equal(last(t, whole), last(t, dir)) {
				t.Error("the last weights differ")
			}
		}
	}
}

// last is the last checkpoint's body.
func last(t *testing.T, dir string) []byte {
	t.Helper()
	steps, err := checkpointSteps(dir)
	if err != nil || len(steps) == 0 {
		t.Fatal(err)
	}
	_, body, err := readProgress(nil, checkpointName(dir, steps[len(steps)-1]))
	if err != nil {
		t.Fatal(err)
	}
	return body
}
