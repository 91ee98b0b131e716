package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/engine"
	"kakoi/core/ingest"
	"kakoi/core/vault"
	"kakoi/index"
	"kakoi/resources"
)

// starter starts the engine process; a test may put another in its place.
type starter func(ctx context.Context, key *vault.Key) (app.Client, error)

// host is the opened data folder: the composition root of the process that owns it.
type host struct {
	index    *index.Index
	engine   *app.Engine
	settings *settings.File
	library  *app.Library
	folders  *app.Folders
	pages    *app.Pages
	chat     *app.Chat
	models   *app.Models
	prompts  app.Prompts
	log      io.Closer
	key      *vault.Key // of the data folder; nil: it is not encrypted
	keep     app.Keep
	saved    *app.FileDamage // the files of the library were repaired just now; its documents are to be

	conversations *app.Conversations
	receipts      *app.Receipts
	datasets      *app.Datasets
	adapters      *app.Adapters
	packs         *app.Packs
	training      *app.Training
	exams         *app.Exams
	bus           *app.Bus // hears of what this process changes, whichever face did it
}

// openHost opens the data folder for its owner. c.command.early runs before the library is opened: models can load meanwhile.
func (p *program) openHost(ctx context.Context, c *call) (*host, error) {
	if err := app.FreshTemporary(c.data); err != nil {
		return nil, err
	}
	keep := app.Keep{Data: c.data, Key: c.key}
	swapped, repaired, err := keep.Prepare(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("prepare data folder: %w", err)
	}
	for _, dir := range []string{logsFolder, "cache", "models", "prompts"} {
		if err := os.MkdirAll(filepath.Join(c.data, dir), 0o700); err != nil {
			return nil, fmt.Errorf("make %s folder: %w", dir, err)
		}
	}
	// An encryption of files that was interrupted goes on before anything reads them.
	if err := app.EndSealing(ctx, c.data, c.key, nil); err != nil {
		return nil, fmt.Errorf("prepare data folder: %w", err)
	}
	log := openLog(c.data, ownLog, c.key)
	slog.SetDefault(slog.New(slog.NewTextHandler(log, nil)))
	set, err := settings.Open(filepath.Join(c.data, "settings.json"))
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	start := p.engine
	if start == nil {
		nice := 0
		if c.command.window {
			nice = windowNice
		}
		start = p.startEngine(c.data, nice, set)
	}
	h := &host{settings: set, engine: app.NewEngine(func(ctx context.Context) (app.Client, error) { return start(ctx, c.key) }), log: log, key: c.key, bus: &app.Bus{}, keep: keep, saved: repaired}
	if swapped != nil {
		slog.Info("data folder exchanged", "kind", swapped.Kind, "from", swapped.Note)
	}
	if repaired != nil {
		slog.Warn("library files written anew", "places", repaired.Places, "bytes", repaired.Bytes, "values", repaired.Values)
	}
	set.Watch(func(_, _ settings.Settings) { h.bus.Tell(app.TopicSettings) })
	runner := job.NewRunner()
	h.models = &app.Models{
		Bundled: filepath.Join(p.home, "models"), Dir: filepath.Join(c.data, "models"),
		Settings: set, Jobs: runner, Engine: h.engine, Bus: h.bus,
	}
	if err := h.models.Sweep(); err != nil {
		slog.Warn("sweep models folder", "error", err)
	}
	if c.command.early != nil {
		c.command.early(h)
	}
	h.index, err = index.Open(filepath.Join(c.data, "library"), index.Options{Key: c.key})
	if errors.Is(err, core.ErrCorrupt) {
		// What a power loss leaves is put right without being asked: nothing that was reported is in it (docs/decisions/0026).
		if saved, serr := keep.SalvageLogs(ctx, nil); serr != nil {
			err = errors.Join(err, serr)
		} else if saved != nil {
			h.saved = saved
			slog.Warn("library files written anew after a loss of power", "places", saved.Places, "values", saved.Values)
			h.index, err = index.Open(filepath.Join(c.data, "library"), index.Options{Key: c.key})
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open library: %w", err), h.engine.Close(), log.Close())
	}
	store := app.Indexed{Index: h.index, Keep: keep}
	h.models.Store = store
	h.library = &app.Library{
		Store: store, Models: h.models, Settings: set, Jobs: runner, Log: job.NewLog(store),
		Read: p.reading(filepath.Join(c.data, "cache")), Bus: h.bus,
	}
	h.pages = app.OpenPages(h.library)
	h.folders = &app.Folders{
		Store: store, Library: h.library, Bus: h.bus,
		Explain: func(err error) (string, string) { return resources.ErrorText(c.lang, err) },
	}
	h.prompts = app.Prompts{Dir: filepath.Join(c.data, "prompts"), Shipped: resources.Prompts, Key: c.key}
	h.chat = &app.Chat{
		Library: h.library, Models: h.models, Settings: set, Version: version,
		Prompts: h.prompts.Layers(),
	}
	h.adapters = &app.Adapters{Dir: filepath.Join(c.data, "adapters"), Runs: filepath.Join(c.data, "runs"), Store: store, Models: h.models, Jobs: runner, Bus: h.bus, Key: c.key}
	if err := h.adapters.Sweep(ctx); err != nil {
		slog.Warn("sweep adapters folder", "error", err)
	}
	h.packs = &app.Packs{Models: h.models, Adapters: h.adapters, Jobs: runner, Version: version, Bus: h.bus}
	if err := h.packs.Recover(ctx); err != nil {
		slog.Warn("finish imports and exports of packs", "error", err)
	}
	h.chat.Adapters = h.adapters
	h.conversations = &app.Conversations{Store: store, Chat: h.chat, Bus: h.bus, Fonts: filepath.Join(p.home, "fonts"), Text: resources.Format}
	h.receipts = &app.Receipts{Conversations: h.conversations}
	if err := h.conversations.Sweep(ctx); err != nil {
		slog.Warn("finish deletions of conversations", "error", err)
	}
	h.datasets = &app.Datasets{Store: store, Chat: h.chat, Bus: h.bus}
	if err := h.datasets.Sweep(ctx); err != nil {
		slog.Warn("finish deletions of datasets", "error", err)
	}
	h.training = &app.Training{
		Dir: filepath.Join(c.data, "runs"), Store: store, Models: h.models, Datasets: h.datasets, Adapters: h.adapters, Jobs: runner, Bus: h.bus, Key: c.key,
		Version: version, Fonts: filepath.Join(p.home, "fonts"), Text: resources.Format,
	}
	h.exams = &app.Exams{Store: store, Chat: h.chat, Datasets: h.datasets, Bus: h.bus}
	if err := errors.Join(h.training.Sweep(ctx), h.exams.Sweep(ctx)); err != nil {
		slog.Warn("look for trainings that were interrupted", "error", err)
	}
	if err := h.settle(ctx, c); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Close ends the engine and closes the library, in reverse order of opening.
func (h *host) Close() error {
	err := errors.Join(h.pages.Close(), h.engine.Close(), h.index.Close())
	slog.SetDefault(slog.New(slog.DiscardHandler))
	return errors.Join(err, h.log.Close())
}

// windowNice lets the window go first: on two cores an engine that adds documents would otherwise hold up every frame. An
// idle machine gives the engine all it has.
const windowNice = 5

// startEngine makes the client of the engine process beside this program.
func (p *program) startEngine(data string, nice int, set *settings.File) starter {
	return func(ctx context.Context, key *vault.Key) (app.Client, error) {
		params := p.engineParams()
		params.Nice, params.Key = nice, key
		if data != "" {
			p.closeIn(&params, data, set.Get())
			params.Log = openLog(data, engineLog, key)
		}
		client, err := engine.Start(ctx, params)
		if err != nil {
			return nil, err
		}
		return client, nil
	}
}

func (p *program) engineParams() engine.Params {
	libraries, reason := engine.ChooseLibraries([]string{filepath.Join(p.home, "lib-cuda"), filepath.Join(p.home, "lib")})
	return engine.Params{Binary: filepath.Join(p.home, "kakoi-engine"), LibraryPath: libraries, LibraryReason: reason}
}

// reading are the options of reading files; set-up may have left PDFium's compiled code and fonts beside the program.
func (p *program) reading(cache string) ingest.Options {
	return ingest.Options{
		CacheDir: cache, Passwords: &ingest.Passwords{}, Prepared: existing(filepath.Join(p.home, "wasm")), FontsDir: existing(filepath.Join(p.home, "fonts")),
	}
}

// existing is path, or "" when there is nothing.
func existing(path string) string {
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}
