//go:build torch

package neox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
)

// attached is an adapter on the device.
type attached struct {
	id     string // lora.Adapter.ID
	number int    // of the runner

	dir, stamp string
	users      int // calls
	used       int // order of the last use
}

// adapters reads adapter folders when a request names them and keeps the last few on the device.
type adapters struct {
	g *Generator

	mu   sync.Mutex
	list []*attached
	uses int
}

const keptAdapters = 4 // beyond those in use

// use finds or loads the adapter of each request and gives it to the request's row. release, which may be called in
// any case, ends the use.
func (a *adapters) use(ctx context.Context, reqs []core.GenerateRequest, rows []*row) (release func(), err error) {
	var held []*attached
	release = func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, x := range held {
			x.users--
		}
	}
	for i, q := range reqs {
		if q.Adapter == "" {
			continue
		}
		x, err := a.get(ctx, q.Adapter)
		if err != nil {
			return release, fmt.Errorf("request %d: %w", i, err)
		}
		held = append(held, x)
		rows[i].adapter = x
	}
	return release, nil
}

// get is the adapter of a folder, with one more user. A folder whose files changed is read again.
func (a *adapters) get(ctx context.Context, dir string) (*attached, error) {
	stamp, err := stampOf(dir)
	if err != nil {
		return nil, fmt.Errorf("adapter: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.list, func(x *attached) bool { return x.dir == dir && x.stamp == stamp })
	if i < 0 {
		read, err := lora.ReadSealed(dir, a.g.key)
		if err != nil {
			return nil, err
		}
		x := &attached{id: read.ID, dir: dir, stamp: stamp}
		for _, kept := range []int{keptAdapters - 1, 0} { // where memory is short those that nobody uses go
			err = a.g.dev.Do(ctx, func(s *torch.Scope) (err error) {
				a.evict(kept)
				x.number, err = a.g.run.attach(s, read)
				return err
			})
			if !errors.Is(err, core.ErrOutOfMemory) {
				break
			}
		}
		if err != nil {
			return nil, err
		}
		i = len(a.list)
		a.list = append(a.list, x)
	}
	x := a.list[i]
	x.users++
	a.uses++
	x.used = a.uses
	return x, nil
}

// evict detaches adapters that nobody uses, the longest unused first, until only kept of them are left.
func (a *adapters) evict(kept int) {
	for {
		idle, oldest := 0, -1
		for i, x := range a.list {
			if x.users > 0 {
				continue
			}
			idle++
			if oldest < 0 || x.used < a.list[oldest].used {
				oldest = i
			}
		}
		if idle <= kept {
			return
		}
		a.g.run.detach(a.list[oldest].number)
		a.list = slices.Delete(a.list, oldest, oldest+1)
	}
}

// stampOf tells one state of a folder's files from another.
func stampOf(dir string) (string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Mode().IsRegular() {
			fmt.Fprintf(&b, "%q %d %d\n", f.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String(), nil
}

// of names an adapter, or none.
func (x *attached) of() (id string, number int) {
	if x == nil {
		return "", 0
	}
	return x.id, x.number
}
