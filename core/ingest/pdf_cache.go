package ingest

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// Prepare compiles PDFium into dir (21 MB, 6 s; nothing to do the second time) and makes it readable for everyone. The
// folder serves as Options.Prepared on machines with this processor and for programs with this version of wazero.
func Prepare(dir string) error {
	e, err := openEngine(Options{CacheDir: dir})
	if err != nil {
		return fmt.Errorf("compile pdfium into %q: %w", dir, err)
	}
	if err := e.close(); err != nil {
		return fmt.Errorf("compile pdfium into %q: %w", dir, err)
	}
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if entry.IsDir() {
			mode = 0o755
		}
		return os.Chmod(path, mode)
	})
}

// openPrepared opens the engine with the prepared code, or with that of CacheDir: wazero compiles again what
// does not fit, and fails where it cannot write the result.
func openPrepared(opt Options) (*pdfEngine, error) {
	if opt.Prepared == "" {
		return openEngine(opt)
	}
	own := opt
	own.CacheDir = opt.Prepared
	e, err := openEngine(own)
	if err != nil {
		slog.Info("prepared pdf engine not used", "folder", opt.Prepared, "error", err)
		return openEngine(opt)
	}
	return e, nil
}
