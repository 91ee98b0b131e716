package app

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"kakoi/core"
)

// openRegular opens a file to be read, and nothing that is none: a pipe would be waited for without end, a device or a folder has no contents of ours. core.ErrUnsupported for
// those; otherwise the error is that of opening, and said is what a person is told (with the path). The file's size comes with it.
func openRegular(path, said string) (*os.File, int64, error) {
	// A pipe nobody writes to opens at once that way, and nothing else is changed by it.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		if info, serr := os.Stat(path); serr == nil && !info.Mode().IsRegular() { // a socket, say
			return nil, 0, notRegular(path, info)
		}
		return nil, 0, core.Explain(fmt.Errorf("open %s: %w", path, err), said, path)
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		return f, info.Size(), nil
	}
	_ = f.Close()
	if err != nil {
		return nil, 0, core.Explain(fmt.Errorf("open %s: %w", path, err), said, path)
	}
	return nil, 0, notRegular(path, info)
}

// notRegular says what lies at a path in a file's place.
func notRegular(path string, info fs.FileInfo) error {
	return core.Explain(fmt.Errorf("%s is %v: %w", path, info.Mode().Type(), core.ErrUnsupported), regularKey(info.Mode()), path)
}

// regularKey is what is said of what is no file.
func regularKey(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "error.regular.folder"
	case mode&fs.ModeNamedPipe != 0:
		return "error.regular.pipe"
	}
	return "error.regular.device" // and sockets
}
