package bert

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
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
// default settings but for the batch size: in fp32, then on the CPU with torch's dynamic int8, on a GPU in fp16. It
// returns the best run of each and the fp32 vectors. Nothing is fetched: dir is a folder.
func RunPeer(ctx context.Context, python, dir string, texts []string, runs, batchSize int, device string) ([]BenchResult, []core.Vector, error) {
	tmp, err := os.MkdirTemp("", "kakoi-peer-")
	if err != nil {
		return nil, nil, fmt.Errorf("run peer: %w", err)
	}
	defer os.RemoveAll(tmp)
	script, list := filepath.Join(tmp, "peer_st.py"), filepath.Join(tmp, "texts.json")
	b, err := json.Marshal(texts)
	if err != nil {
		return nil, nil, fmt.Errorf("run peer: %w", err)
	}
	for path, data := range map[string][]byte{script: peerScript, list: b} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return nil, nil, fmt.Errorf("run peer: %w", err)
		}
	}
	layout, err := ReadLayout(dir)
	if err != nil {
		return nil, nil, err
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
		return nil, nil, fmt.Errorf("run peer %q: %w: %s", python, err, words[max(0, len(words)-500):])
	}
	var results []BenchResult
	lines := json.NewDecoder(&out)
	for lines.More() {
		var r BenchResult
		if err := lines.Decode(&r); err != nil || r.Seconds <= 0 {
			return nil, nil, fmt.Errorf("run peer %q: answer %+v, %v: %w", python, r, err, core.ErrCorrupt)
		}
		r.ChunksPerSecond = float64(r.Texts) / r.Seconds
		results = append(results, r)
	}
	raw, err := os.ReadFile(list + ".f32")
	if err != nil || len(results) == 0 || len(raw) == 0 || len(raw)%(4*len(texts)) != 0 {
		return nil, nil, fmt.Errorf("run peer %q: %d results, %d bytes of vectors, %v: %w", python, len(results), len(raw), err, core.ErrCorrupt)
	}
	vectors := make([]core.Vector, len(texts))
	width := len(raw) / 4 / len(texts)
	for i := range vectors {
		vectors[i] = make(core.Vector, width)
		for k := range vectors[i] {
			vectors[i][k] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*(i*width+k):]))
		}
	}
	return results, vectors, nil
}
