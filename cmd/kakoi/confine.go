package main

import (
	"log/slog"
	"os"
	"path/filepath"

	"kakoi/app/settings"
	"kakoi/core/closed/landlock"
	"kakoi/core/engine"
)

// closeIn adds to p what the engine of a data folder may reach: the models, runs and adapters there and what came with the program. Its
// temporary files and what CUDA keeps lie in a folder of their own, also where nothing is closed.
func (p *program) closeIn(params *engine.Params, data string, set settings.Settings) {
	own := filepath.Join(data, "cache", "engine")
	if err := os.MkdirAll(own, 0o700); err != nil { // the engine tells what it misses
		slog.Warn("make the engine's folder", "error", err)
	}
	// A folder without files yet needs its rule as well.
	for _, dir := range []string{"models", "adapters", "runs"} {
		if err := os.MkdirAll(filepath.Join(data, dir), 0o700); err != nil {
			slog.Warn("make folders for the engine", "error", err)
		}
	}
	places := engine.Places{
		Program: params.Binary, Libraries: params.LibraryPath, Own: own, GPU: params.LibraryReason == engine.LibrariesCUDA,
		Read:  []string{filepath.Join(p.home, "models"), filepath.Join(data, "adapters")},
		Write: []string{filepath.Join(data, "models"), filepath.Join(data, "runs")},
	}
	params.Env = append(params.Env, places.Environment()...)
	if set.EngineFiles != settings.EngineFiles[0] {
		params.FilesReason = landlock.ReasonSetting
		return
	}
	rules := engine.FilesOf(places)
	params.Files = &rules
	params.Outside = []string{data, filepath.Join(data, "library"), filepath.Join(data, "settings.json"), filepath.Join(data, "logs"), filepath.Join(data, "backups"), p.env("HOME")}
}
