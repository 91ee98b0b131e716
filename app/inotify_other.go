//go:build !linux

package app

// watcher hears nothing on this system: the timer of Folders.Watch does it alone.
type watcher struct{}

func newWatcher(func(id string)) (*watcher, error) { return nil, nil }

func (w *watcher) add(id, path string) {}
func (w *watcher) drop(id string)      {}
func (w *watcher) close()              {}
