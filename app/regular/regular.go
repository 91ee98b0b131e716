// Package regular opens files, and nothing that is none: a pipe would be waited for without end, a device or a folder has no contents of ours.
package regular

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"kakoi/core"
)

// Other is what lies at a path in a file's place: core.ErrUnsupported.
type Other struct {
	Path string
	Mode fs.FileMode
}

func (o *Other) Error() string { return fmt.Sprintf("%s is %v, no file", o.Path, o.Mode.Type()) }

// Unwrap gives core.ErrUnsupported.
func (o *Other) Unwrap() error { return core.ErrUnsupported }

// Open opens a file to be read. An *Other where there is none; otherwise the error is that of opening.
func Open(path string) (*os.File, fs.FileInfo, error) {
	// A pipe nobody writes to opens at once that way, and nothing else is changed by it.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		if info, serr := os.Stat(path); serr == nil && !info.Mode().IsRegular() { // a socket, say
			err = &Other{path, info.Mode()}
		}
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &Other{path, info.Mode()}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}
