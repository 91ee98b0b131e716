package app

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// watchEvery is how often watched folders are looked at, whatever the system tells of them: network drives tell nothing.
const watchEvery = 5 * time.Minute

// mostPatience is how long files that are being written are left for later: one that never comes to rest is read as it is.
const mostPatience = 30 * time.Second

// Watch checks the watched folders: now, every few minutes, and soon after something in them changed. It ends with ctx. What goes
// wrong is remembered with the folder.
func (f *Folders) Watch(ctx context.Context, opt AddOptions) {
	changes := make(chan string, 1) // ids of folders
	eyes, err := newWatcher(func(id string) {
		select {
		case changes <- id:
		case <-ctx.Done():
		}
	})
	if err != nil {
		slog.Warn("watch folders", "error", err) // the timer does it alone
	}
	defer eyes.close()
	linked := make(chan struct{}, 1)
	defer f.Bus.Subscribe(func(t Topic) {
		if t == TopicFolders {
			select {
			case linked <- struct{}{}:
			default:
			}
		}
	})()
	settle := f.Settle
	if settle <= 0 {
		settle = 2 * time.Second
	}
	due := map[string]time.Time{} // by id
	waits := map[string]time.Time{}
	f.follow(ctx, eyes, due)
	clock := time.NewTicker(settle / 2)
	defer clock.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-changes:
			if soon := time.Now().Add(settle); due[id].After(soon) {
				due[id] = soon
			}
		case <-linked:
			f.follow(ctx, eyes, due)
		case now := <-clock.C:
			for id, at := range due {
				if now.Before(at) {
					continue
				}
				calm := settle
				if first, is := waits[id]; is && now.Sub(first) > mostPatience {
					calm = 0
				}
				next := watchEvery
				if f.look(ctx, eyes, id, calm, opt) {
					next = settle
					if waits[id].IsZero() {
						waits[id] = now
					}
				} else {
					delete(waits, id)
				}
				due[id] = time.Now().Add(next)
			}
		}
	}
}

// follow brings what is watched in line with the links. A folder that is new here is due at once.
func (f *Folders) follow(ctx context.Context, eyes *watcher, due map[string]time.Time) {
	all, err := f.List(ctx)
	if err != nil {
		slog.Warn("watch folders", "error", err)
		return
	}
	wanted := map[string]bool{}
	for _, one := range all {
		if !one.Watch {
			continue
		}
		wanted[one.ID] = true
		if _, ok := due[one.ID]; !ok {
			due[one.ID] = time.Now()
		}
	}
	for id := range due {
		if !wanted[id] {
			delete(due, id)
			eyes.drop(id)
		}
	}
}

// look checks a watched folder; it says whether files were left for later, since they are being written.
func (f *Folders) look(ctx context.Context, eyes *watcher, id string, calm time.Duration, opt AddOptions) (waiting bool) {
	one, err := f.get(ctx, id)
	if err != nil || !one.Watch {
		return false
	}
	eyes.add(id, one.Path) // before looking: what changes meanwhile is told
	c, err := f.Check(ctx, id, CheckOptions{AddOptions: opt, calm: calm})
	if err != nil && !errors.Is(err, context.Canceled) {
		slog.Warn("check folder", "path", one.Path, "error", err)
	}
	return c.Waiting > 0
}
