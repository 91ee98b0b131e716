package bert_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/bert"
)

// The peer is another program: here a shell that looks at what it is given.
func TestRunPeer(t *testing.T) {
	program := func(body string) string {
		path := filepath.Join(t.TempDir(), "python")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("LD_LIBRARY_PATH", "/nowhere")
	good := program(`grep -q SentenceTransformer "$1" && grep -q '"倉庫"' "$3" && [ "$4$5$6$7" = "text: 232cpu" ] && [ -z "$LD_LIBRARY_PATH" ] || exit 1
echo '{"name":"peer","device":"cpu","dtype":"fp32","seconds":0.5,"texts":2,"note":"x"}'
echo '{"name":"peer int8","device":"cpu","dtype":"int8","seconds":0.25,"texts":2,"note":"x"}'
printf '\0\0\200?\0\0\0\0\0\0\0@\0\0\200\277' > "$3.f32"
`)
	r, v, err := bert.RunPeer(context.Background(), good, "testdata/tiny", []string{"倉庫", "a"}, 2, 32, "cpu")
	if err != nil || len(r) != 2 || r[0].ChunksPerSecond != 4 || r[0].Name != "peer" || r[1].ChunksPerSecond != 8 {
		t.Errorf("%+v, %v", r, err)
	}
	if len(v) != 2 || !slices.Equal(v[0], core.Vector{1, 0}) || !slices.Equal(v[1], core.Vector{2, -1}) {
		t.Errorf("vectors %v", v)
	}
	for name, body := range map[string]string{"fails": "echo no module named sentence_transformers >&2; exit 1", "says nothing": "exit 0", "no time": "echo '{}'", "no vectors": `echo '{"seconds":1}'`} {
		if _, _, err := bert.RunPeer(context.Background(), program(body), "testdata/tiny", []string{"a"}, 1, 32, "cpu"); err == nil || name == "fails" && !strings.Contains(err.Error(), "no module") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
