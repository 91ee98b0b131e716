package settings

import (
	"path/filepath"
	"strings"
)

// Inside says whether a folder, which need not be there yet, is a data folder or lies in it, whatever links lead there.
func Inside(data, folder string) bool {
	data, folder = resolved(data), resolved(folder)
	return folder == data || strings.HasPrefix(folder, strings.TrimSuffix(data, "/")+"/")
}

// resolved follows the links of as much of a path as there is.
func resolved(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	rest := ""
	for at := path; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest)
		}
		if at == filepath.Dir(at) {
			return path
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}
