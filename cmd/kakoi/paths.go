package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"kakoi/core"
)

// homeDir is where the engine, its libraries, models and fonts lie: beside the program, or KAKOI_HOME.
func homeDir() string {
	if dir := os.Getenv("KAKOI_HOME"); dir != "" {
		return dir
	}
	exe, err := os.Executable()
	if err != nil {
		return "."
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	return filepath.Dir(exe)
}

// dataDir finds the data folder and makes it where it is missing.
func (p *program) dataDir(c *call) (string, error) {
	dir := c.globals.data
	switch {
	case dir != "":
		dir = c.path(dir)
	case filepath.IsAbs(p.env("XDG_DATA_HOME")):
		dir = filepath.Join(p.env("XDG_DATA_HOME"), "kakoi")
	case p.env("HOME") != "":
		dir = filepath.Join(p.env("HOME"), ".local", "share", "kakoi")
	default:
		return "", core.Explain(fmt.Errorf("data folder: %w", core.ErrUsage), "error.data.nohome")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", core.Explain(fmt.Errorf("make data folder: %w", err), "error.data.folder", dir)
	}
	// Two names of one folder are one owner.
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", core.Explain(fmt.Errorf("data folder: %w", err), "error.data.folder", dir)
	}
	return real, nil
}

// languageOf is the language of messages that the environment asks for.
func languageOf(env func(string) string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env(name); v != "" {
			if strings.HasPrefix(v, "ja") {
				return "ja"
			}
			return "en"
		}
	}
	return "en"
}
