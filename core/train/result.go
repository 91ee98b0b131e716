package train

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"kakoi/core"
	"kakoi/core/lora"
	"kakoi/core/vault"
)

// AdapterFolder is the result's folder below a run's.
const AdapterFolder = "adapter"

// tokenizerFiles lie beside an adapter as the published recipe leaves them there.
var tokenizerFiles = []string{
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "spiece.model", "tokenizer.model",
	"sentencepiece.bpe.model", "vocab.json", "merges.txt", "vocab.txt",
}

// writeAdapter puts an adapter with the model's tokenizer files and its lineage in dir/adapter, in place of one that is there. It
// appears whole.
func writeAdapter(key *vault.Key, dir string, a *lora.Adapter, model string, lineage map[string]string) (string, error) {
	to, tmp, old := filepath.Join(dir, AdapterFolder), filepath.Join(dir, ".adapter-new"), filepath.Join(dir, ".adapter-old")
	err := errors.Join(os.RemoveAll(tmp), os.RemoveAll(old))
	if err == nil {
		err = a.WriteSealed(tmp, key)
	}
	if err == nil {
		err = besideAdapter(key, tmp, model, lineage)
	}
	if err == nil {
		if err = os.Rename(to, old); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.Rename(tmp, to)
	}
	if err == nil {
		err = errors.Join(syncFolder(dir), os.RemoveAll(old))
	}
	if err != nil {
		_ = os.RemoveAll(tmp)
		return "", tooFull(fmt.Errorf("result: %w", err), dir)
	}
	return to, nil
}

// besideAdapter copies the tokenizer's files and writes the lineage.
func besideAdapter(key *vault.Key, dir, model string, lineage map[string]string) error {
	for _, name := range tokenizerFiles {
		if model == "" {
			break
		}
		b, err := os.ReadFile(filepath.Join(model, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = writeWhole(key, filepath.Join(dir, name), func(w io.Writer) error { _, err := w.Write(b); return err })
		}
		if err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(lineage, "", "  ") // members in alphabetical order
	if err != nil {
		return err
	}
	err = writeWhole(key, filepath.Join(dir, "lineage.json"), func(w io.Writer) error { _, err := w.Write(append(text, '\n')); return err })
	return errors.Join(err, syncFolder(dir))
}

// hashRows is the identity of what a run learns from.
func hashRows(rows, held []core.TrainRow) string {
	h := sha256.New()
	for _, list := range [][]core.TrainRow{rows, held} {
		fmt.Fprintf(h, "%d\n", len(list))
		for _, r := range list {
			fmt.Fprintf(h, "%d %d\n", len(r.Inputs), len(r.Labels))
			io.WriteString(h, r.Inputs)
			io.WriteString(h, r.Labels)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
