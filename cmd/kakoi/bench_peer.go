package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
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
		return 0, peerError(o.peer, said.String(), err)
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

// noModule is what Python says of a library that it has not.
var noModule = regexp.MustCompile(`No module named '([^']+)'`)

// peerError says why a peer ended: the module that its Python lacks, or its last words.
func peerError(peer, said string, err error) error {
	err = fmt.Errorf("run the peer %s: %w: %s", peer, err, said)
	if m := noModule.FindStringSubmatch(said); m != nil {
		return core.Explain(err, "error.bench.peer_module", peer, m[1])
	}
	lines := strings.Split(strings.TrimSpace(said), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" {
		last = err.Error()
	}
	return core.Explain(err, "error.bench.peer_failed", peer, last)
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
