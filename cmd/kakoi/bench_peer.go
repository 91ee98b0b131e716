package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"kakoi/app/settings"
	"kakoi/core"
)

//go:embed testdata/whole/whole.py
var wholePeer string

// peerAdd has the usual Python libraries read, split, embed and index files, with the same weights and as many threads, and prints its
// figures. It gives its pages a second, without the loading of its libraries and model.
func peerAdd(ctx context.Context, c *call, o *benchOptions, files []string, pages int) (float64, error) {
	threads := o.threads
	if threads == 0 {
		threads = runtime.NumCPU()
	}
	cmd := exec.CommandContext(ctx, o.peer, "-c", wholePeer, filepath.Join(c.program.home, "models", settings.StarterEmbedder), strconv.Itoa(threads))
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n"))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		return 0, fmt.Errorf("run the peer %s: %w: %w: %s", o.peer, core.ErrEngine, err, said.String())
	}
	f := map[string]any{}
	if err := json.Unmarshal(out, &f); err != nil {
		return 0, fmt.Errorf("read the peer's figures %q: %w: %w", out, core.ErrCorrupt, err)
	}
	seconds, _ := f["seconds"].(float64)
	if seconds <= 0 {
		return 0, fmt.Errorf("the peer needed no time: %w", core.ErrCorrupt)
	}
	rate := float64(pages) / seconds
	f["kind"], f["files"], f["pages"], f["pages_per_second"], f["threads"] = "add, Python", len(files), pages, rate, threads
	return rate, c.figures(f)
}

// sampleOf takes every nth file, so many that they are about a share of all, with all kinds in it.
func sampleOf(files []string, share int) (some []string) {
	step := len(corpusKinds) * share
	for i, f := range files {
		if i%step < len(corpusKinds) {
			some = append(some, f)
		}
	}
	return some
}
