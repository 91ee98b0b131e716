package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"kakoi/app/regular"
	"kakoi/core"
)

// openRegular opens a file to be read, and nothing that is none. core.ErrUnsupported for
// those; otherwise the error is that of opening, and said is what a person is told (with the path). The file's size comes with it.
func openRegular(path, said string) (*os.File, int64, error) {
	f, info, err := regular.Open(path)
	if err == nil {
		return f, info.Size(), nil
	}
	if other := (*regular.Other)(nil); errors.As(err, &other) {
		return nil, 0, explainOther(other)
	}
	return nil, 0, core.Explain(fmt.Errorf("open %s: %w", path, err), said, path)
}

// notRegular says what lies at a path in a file's place.
func notRegular(path string, info fs.FileInfo) error {
	return explainOther(&regular.Other{Path: path, Mode: info.Mode()})
}

func explainOther(o *regular.Other) error { return core.Explain(o, regularKey(o.Mode), o.Path) }

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
