package bert

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"kakoi/core"
)

//go:embed testdata/peer_st.py
var peerScript []byte

// RunPeer has sentence-transformers embed texts (passages, with the folder's prompt) in the Python given, with its
// default settings but for the batch size, and returns its best run. Nothing is fetched: dir is a folder.
func RunPeer(ctx context.Context, python, dir string, texts []string, runs, batchSize int, device string) (BenchResult, error) {
	tmp, err := os.MkdirTemp("", "kakoi-peer-")
	if err != nil {
		return BenchResult{}, fmt.Errorf("run peer: %w", err)
	}
	defer os.RemoveAll(tmp)
	script, list := filepath.Join(tmp, "peer_st.py"), filepath.Join(tmp, "texts.json")
	b, err := json.Marshal(texts)
	if err != nil {
		return BenchResult{}, fmt.Errorf("run peer: %w", err)
	}
	for path, data := range map[string][]byte{script: peerScript, list: b} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return BenchResult{}, fmt.Errorf("run peer: %w", err)
		}
	}
	layout, err := ReadLayout(dir)
	if err != nil {
		return BenchResult{}, err
	}
	cmd := exec.CommandContext(ctx, python, script, dir, list, layout.Passage, strconv.Itoa(runs), strconv.Itoa(batchSize), device)
	// Python has its own libtorch; ours in the path would come first.
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LD_LIBRARY_PATH=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "HF_HUB_OFFLINE=1", "TOKENIZERS_PARALLELISM=true")
	var out, last bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &last
	if err := cmd.Run(); err != nil {
		words := last.String()
		return BenchResult{}, fmt.Errorf("run peer %q: %w: %s", python, err, words[max(0, len(words)-500):])
	}
	var r BenchResult
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Seconds <= 0 {
		return r, fmt.Errorf("run peer %q: answer %q: %w", python, out.String(), core.ErrCorrupt)
	}
	r.ChunksPerSecond = float64(r.Texts) / r.Seconds
	return r, nil
}
