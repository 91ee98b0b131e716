package app

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"kakoi/core"
	"kakoi/core/weights"
)

// Details are what a model folder says of the model.
type Details struct {
	Architecture string   `json:"architecture"` // config.json's model_type
	Parameters   int64    `json:"parameters"`
	Storage      string   `json:"storage"` // of the weights: "F32", "F16", "BF16", "NF4", "I8"
	Layers       int      `json:"layers"`
	Hidden       int      `json:"hidden"` // width
	Heads        int      `json:"heads"`
	MaxTokens    int      `json:"max_tokens"` // context
	Vocab        int      `json:"vocab"`      // entries of the tokenizer
	Tokenizer    string   `json:"tokenizer"`  // "Unigram", "BPE", "WordPiece"
	Tensors      int      `json:"tensors"`
	Files        int      `json:"files"`
	Bytes        int64    `json:"bytes"`    // of the tensors
	Licences     []string `json:"licences"` // files of the folder with licence texts
}

func purpose(kind ModelKind) weights.Kind {
	if kind != KindChat {
		return weights.Embedder
	}
	return weights.Generator
}

func detailsOf(r weights.Report, files int, licences []string) Details {
	return Details{
		Architecture: r.Architecture, Parameters: r.Parameters, Storage: r.Storage, Layers: r.Layers, Hidden: r.Hidden, Heads: r.Heads,
		MaxTokens: r.MaxTokens, Vocab: r.Tokenizer.Size, Tokenizer: r.Tokenizer.Kind, Tensors: r.Tensors, Files: files, Bytes: r.Bytes,
		Licences: licences,
	}
}

// Details reads the headers of a model's files.
func (m *Models) Details(ctx context.Context, model Model) (Details, error) {
	if model.Kind == KindEvidence {
		return m.evidenceDetails(model)
	}
	r, err := weights.Look(model.Dir, purpose(model.Kind))
	if err != nil {
		return Details{}, fmt.Errorf("look at model %q: %w", model.Name, err)
	}
	licences, err := licencesOf(model.Dir)
	if err != nil {
		return Details{}, err
	}
	return detailsOf(r, len(r.Files), licences), ctx.Err()
}

// licencesOf names the files of a model folder that hold licence texts.
func licencesOf(dir string) ([]string, error) {
	names := []string{}
	err := eachFile(dir, func(name string, _ fs.FileInfo) error {
		if isLicence(name) {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

func isLicence(name string) bool {
	upper := strings.ToUpper(filepath.Base(name))
	for _, prefix := range []string{"LICENSE", "LICENCE", "COPYING", "NOTICE"} {
		if strings.HasPrefix(upper, prefix) {
			return true
		}
	}
	return false
}

// maxLicenceBytes is more than any licence has.
const maxLicenceBytes = 1 << 20

// Licence is the text of one of Details.Licences.
func (m *Models) Licence(model Model, name string) (string, error) {
	if !filepath.IsLocal(name) || !isLicence(name) {
		return "", fmt.Errorf("licence %q of model %q: %w", name, model.Name, core.ErrUsage)
	}
	f, err := os.Open(filepath.Join(model.Dir, name))
	if err != nil {
		return "", fmt.Errorf("read licence of model %q: %w", model.Name, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxLicenceBytes))
	if err != nil {
		return "", fmt.Errorf("read licence of model %q: %w", model.Name, err)
	}
	return strings.ToValidUTF8(string(raw), "\ufffd"), nil
}
