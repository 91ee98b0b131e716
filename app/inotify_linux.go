package app

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// mostWatches bounds what a process takes of the system's inotify watches; folders beyond are seen by the timer.
const mostWatches = 4000

const watched = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CLOSE_WRITE | unix.IN_DELETE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR | unix.IN_DONT_FOLLOW

// watcher hears of changes below folders. A nil watcher hears nothing.
type watcher struct {
	file *os.File
	tell func(id string)
	done chan struct{}

	mu   sync.Mutex
	dirs map[int32]map[string]bool // ids of the linked folders, by watch: one may lie in another
	ids  map[string]map[int32]bool
}

func newWatcher(tell func(id string)) (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("start inotify: %w", err)
	}
	w := &watcher{file: os.NewFile(uintptr(fd), "inotify"), tell: tell, done: make(chan struct{}), dirs: map[int32]map[string]bool{}, ids: map[string]map[int32]bool{}}
	go w.read()
	return w, nil
}

// add watches a folder and all below it; those that are watched already stay so.
func (w *watcher) add(id, path string) {
	if w == nil {
		return
	}
	filepath.WalkDir(path, func(dir string, d fs.DirEntry, err error) error { // what cannot be read is not watched
		if err != nil || !d.IsDir() {
			return nil
		}
		if dir != path && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.dirs) >= mostWatches {
			return fs.SkipAll
		}
		conn, err := w.file.SyscallConn()
		if err != nil {
			return fs.SkipAll
		}
		var wd int
		cerr := conn.Control(func(fd uintptr) { wd, err = unix.InotifyAddWatch(int(fd), dir, watched) })
		if cerr != nil || err != nil { // the system's own limit, or the folder went away
			return nil
		}
		if w.dirs[int32(wd)] == nil {
			w.dirs[int32(wd)] = map[string]bool{}
		}
		if w.ids[id] == nil {
			w.ids[id] = map[int32]bool{}
		}
		w.dirs[int32(wd)][id], w.ids[id][int32(wd)] = true, true
		return nil
	})
}

// drop watches a folder no longer.
func (w *watcher) drop(id string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	conn, err := w.file.SyscallConn()
	if err != nil {
		return
	}
	for wd := range w.ids[id] {
		if delete(w.dirs[wd], id); len(w.dirs[wd]) > 0 {
			continue
		}
		delete(w.dirs, wd)
		conn.Control(func(fd uintptr) { unix.InotifyRmWatch(int(fd), uint32(wd)) })
	}
	delete(w.ids, id)
}

func (w *watcher) close() {
	if w == nil {
		return
	}
	w.file.Close() // ends read
	<-w.done
}

func (w *watcher) read() {
	defer close(w.done)
	buffer := make([]byte, 64<<10)
	for {
		n, err := w.file.Read(buffer)
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for rest := buffer[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			var e unix.InotifyEvent
			if binary.Read(bytes.NewReader(rest), binary.NativeEndian, &e) != nil {
				break
			}
			rest = rest[min(len(rest), unix.SizeofInotifyEvent+int(e.Len)):]
			w.mu.Lock()
			switch {
			case e.Mask&unix.IN_Q_OVERFLOW != 0: // some were lost: any of them
				for id := range w.ids {
					ids[id] = true
				}
			case e.Mask&unix.IN_IGNORED != 0: // the folder is gone
				for id := range w.dirs[e.Wd] {
					delete(w.ids[id], e.Wd)
				}
				delete(w.dirs, e.Wd)
			default:
				for id := range w.dirs[e.Wd] {
					ids[id] = true
				}
			}
			w.mu.Unlock()
		}
		for id := range ids {
			w.tell(id)
		}
	}
}
