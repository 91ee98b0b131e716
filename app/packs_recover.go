package app

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kakoi/app/job"
	"kakoi/app/pack"
	"kakoi/core"
)

// Recover finishes imports that were killed while they put things in place, forgets those that nobody went on with for two weeks, and finishes or clears away
// exports. It is for the opener of the data folder.
func (p *Packs) Recover(ctx context.Context) error {
	errs := []error{sweepMoves(p.Models.Dir), sweepFolders(p.Models.Dir)}
	for _, dir := range p.staged() {
		var ready readyPack
		raw, err := os.ReadFile(filepath.Join(dir, readyName))
		if err == nil && json.Unmarshal(raw, &ready) == nil {
			errs = append(errs, p.recover(ctx, dir, ready))
			continue
		}
		info, err := os.Stat(filepath.Join(dir, "pieces"))
		if err == nil {
			var s *pack.Staging
			if s, err = pack.OpenStaging(dir); err == nil {
				err = s.Close()
				if !p.mayKeep(s.Manifest) {
					err = core.ErrEncrypted
				}
			}
		}
		if err != nil || time.Since(info.ModTime()) > stageDays*24*time.Hour {
			errs = append(errs, os.RemoveAll(dir))
		}
	}
	return errors.Join(errs...)
}

func (p *Packs) recover(ctx context.Context, dir string, ready readyPack) error {
	s, err := pack.OpenStaging(dir)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	var out PackResult
	return errors.Join(p.finish(ctx, s, ready, &out, nil), s.Close())
}

// staged are the staging folders.
func (p *Packs) staged() []string {
	entries, err := os.ReadDir(p.Models.Dir)
	if err != nil {
		return nil
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), stagePrefix) {
			dirs = append(dirs, filepath.Join(p.Models.Dir, e.Name()))
		}
	}
	return dirs
}

// Unfinished are imports that were interrupted, or wait for parts.
func (p *Packs) Unfinished() []PackInfo {
	var all []PackInfo
	for _, dir := range p.staged() {
		s, err := pack.OpenStaging(dir)
		if err != nil {
			continue
		}
		i, err := p.info(s.Manifest, s.Raw, s.Signature, nil)
		if err != nil {
			i.Signer = ""
		}
		i.Read = s.Bytes()
		for _, n := range s.Missing() {
			i.Missing = append(i.Missing, n+1)
		}
		all = append(all, i)
		_ = s.Close() // it was only read
	}
	return all
}

// Discard forgets imports that were interrupted, all or the one with an ID, and returns how many there were.
func (p *Packs) Discard(ctx context.Context, id string) (int, error) {
	n := 0
	j := p.Jobs.Start(ctx, job.Name{Key: "job.pack.import", Note: id}, func(context.Context, core.Progress) error { // not while one runs
		for _, dir := range p.staged() {
			if id != "" && filepath.Base(dir) != stagePrefix+id {
				continue
			}
			if err := p.remove(dir); err != nil {
				return err
			}
			n++
		}
		return nil
	}, nil)
	return n, j.Wait(context.Background())
}
