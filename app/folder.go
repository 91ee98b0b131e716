package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/weights"
)

// kindOf finds what a model folder is for from its config.json.
func kindOf(dir string) (ModelKind, error) {
	if isEvidence(dir) {
		_, err := readEvidence(dir)
		return KindEvidence, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return "", fmt.Errorf("read config of model %q: %w", dir, err)
	}
	var config struct {
		ModelType     string            `json:"model_type"`
		Architectures []string          `json:"architectures"`
		Labels        *int              `json:"num_labels"`
		Names         map[string]string `json:"id2label"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		return "", core.Explain(fmt.Errorf("parse config of model %q: %w: %w", dir, core.ErrCorrupt, err), "error.model.config", dir)
	}
	sorts := slices.ContainsFunc(config.Architectures, func(a string) bool { return strings.HasSuffix(a, "ForSequenceClassification") })
	if sorts {
		// As core/bert has it, which this process does not know: two labels unless the file says otherwise.
		labels := 2
		switch {
		case config.Names != nil:
			labels = len(config.Names)
		case config.Labels != nil:
			labels = *config.Labels
		}
		if labels != 1 {
			return "", core.Explain(fmt.Errorf("model %q has %d labels: %w", dir, labels, core.ErrUnsupported), "error.reranker.labels", labels)
		}
	}
	switch config.ModelType {
	case "bert", "xlm-roberta", "roberta", "camembert":
		if sorts {
			return KindReranker, nil
		}
	}
	switch config.ModelType {
	case "gpt_neox":
		return KindChat, nil
	case "bert", "xlm-roberta":
		return KindEmbedder, nil
	case "":
		return "", core.Explain(fmt.Errorf("config of model %q has no model_type: %w", dir, core.ErrUnsupported), "error.model.notype", dir)
	}
	return "", core.Explain(fmt.Errorf("model type %q: %w", config.ModelType, core.ErrUnsupported), "error.model.type", config.ModelType)
}

// folderBytes is the size of the files in a model folder; links count as what they lead to.
func folderBytes(dir string) (int64, error) {
	var total int64
	err := eachFile(dir, func(_ string, info fs.FileInfo) error {
		total += info.Size()
		return nil
	})
	return total, err
}

// stampOf changes when a file of the folder is replaced.
func stampOf(dir string) (string, error) {
	h := sha256.New()
	err := eachFile(dir, func(name string, info fs.FileInfo) error {
		if name == weights.Refusals { // no part of what the model is
			return nil
		}
		fmt.Fprintf(h, "%s\x00%d\x00%d\n", name, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)[:8]), err
}

// eachFile visits the files of a model folder and of the folders directly below it (hub folders have 1_Pooling), by
// name. Hidden files are passed over, the model's own 4-bit form, which is made of it, and the recipe that it was made by; links are followed: the hub's cache is made
// of them.
func eachFile(dir string, visit func(name string, info fs.FileInfo) error) error {
	var walk func(below string, depth int) error
	walk = func(below string, depth int) error {
		entries, err := os.ReadDir(filepath.Join(dir, below))
		if err != nil {
			return fmt.Errorf("list model folder: %w", err)
		}
		for _, e := range entries {
			if e.Name()[0] == '.' || below == "" && (e.Name() == weights.Cache4Bit || e.Name() == weights.Recipe) && e.IsDir() {
				continue
			}
			name := filepath.Join(below, e.Name())
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				return fmt.Errorf("look at model file: %w", err)
			}
			switch {
			case info.Mode().IsRegular():
				err = visit(name, info)
			case info.IsDir() && depth < 1:
				err = walk(name, depth+1)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return walk("", 0)
}

// sumFile is the SHA-256 of a file, hex.
func sumFile(ctx context.Context, path string, p core.Progress) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	var done int64
	w := &meter{ctx, io.Discard, h, func(n int64) {
		done += n
		p.Report(core.Update{Stage: "hash", Done: done, Total: info.Size(), Note: filepath.Base(path)})
	}}
	if _, err := io.CopyBuffer(w, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
