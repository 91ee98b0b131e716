package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/core"
)

type backupOptions struct{ yes bool }

func backupFlags(fs *flag.FlagSet, c *call) {
	o := &backupOptions{}
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	c.options = o
}

// runBackup writes the library and what belongs to it into one file.
func runBackup(ctx context.Context, c *call) error {
	if err := c.want(1, 1); err != nil {
		return err
	}
	path := c.path(c.args[0])
	replace := c.options.(*backupOptions).yes
	if !replace && exists(path) {
		if err := c.confirm(ctx, false, "cli.backup.replace", sanitize(path, false)); err != nil {
			return err
		}
		replace = true
	}
	b := c.newBar()
	s, err := c.host.backup(c).Save(ctx, path, replace, b.show)
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(s)
	}
	c.say("cli.backup.done", sanitize(s.File, false), amount.Bytes(s.Bytes), s.Documents, s.Conversations, s.Datasets, s.Adapters)
	c.say("cli.backup.scope")
	return nil
}

// backup is that of an open library.
func (h *host) backup(c *call) *app.Backup {
	return &app.Backup{Data: c.data, Store: h.index, Jobs: h.library.Jobs, Version: version}
}

type restoreOptions struct{ yes, undo, forget, look bool }

func restoreFlags(fs *flag.FlagSet, c *call) {
	o := &restoreOptions{}
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	fs.BoolVar(&o.undo, "undo", false, "cli.flag.undo")
	fs.BoolVar(&o.forget, "forget", false, "cli.flag.forget")
	fs.BoolVar(&o.look, "check", false, "cli.flag.restore_check")
	c.options = o
}

// aloneRestore restores in a data folder whose library is not open: it takes effect at once.
func aloneRestore(ctx context.Context, c *call) (bool, error) {
	b := &app.Backup{Data: c.data, Jobs: job.NewRunner(), Version: version}
	if _, _, err := (app.Keep{Data: c.data}).Finish(); err != nil {
		return true, err
	}
	return true, restore(ctx, c, b, true)
}

// runRestore restores beside an open library: it takes effect when Kakoi is opened the next time.
func runRestore(ctx context.Context, c *call) error { return restore(ctx, c, c.host.backup(c), false) }

func restore(ctx context.Context, c *call, b *app.Backup, alone bool) error {
	o, keep := c.options.(*restoreOptions), app.Keep{Data: c.data}
	if o.undo || o.forget {
		if err := c.want(0, 0); err != nil {
			return err
		}
	}
	switch {
	case o.undo && o.forget:
		return core.Explain(fmt.Errorf("restore --undo --forget: %w", core.ErrUsage), "error.usage.extra", "--forget", c.usage())
	case o.undo:
		return undoRestore(ctx, c, keep, alone)
	case o.forget:
		return forgetRestore(ctx, c, keep)
	}
	if err := c.want(1, 1); err != nil {
		return err
	}
	path := c.path(c.args[0])
	bar := c.newBar()
	found, err := b.Look(ctx, path, bar.progress())
	bar.clear()
	if err != nil {
		return err
	}
	if o.look {
		if c.json {
			return c.emit(found)
		}
		c.tellBackup(found)
		c.say("cli.restore.sound")
		return nil
	}
	if !c.json {
		c.tellBackup(found)
	}
	there := exists(filepath.Join(keep.Data, "library"))
	if there {
		if err := c.confirm(ctx, o.yes, "cli.restore.ask"); err != nil {
			return err
		}
	}
	bar = c.newBar()
	s, err := b.Stage(ctx, path, bar.show)
	bar.clear()
	if err != nil {
		return err
	}
	if alone {
		if _, _, err := keep.Finish(); err != nil {
			return err
		}
	}
	if c.json {
		return c.emit(map[string]any{"restored": s, "waits": !alone})
	}
	if alone {
		c.say("cli.restore.done", s.Documents, s.Conversations, s.Datasets, s.Adapters)
	} else {
		c.say("cli.restore.waits")
	}
	if there {
		c.say("cli.restore.kept")
	}
	return nil
}

// tellBackup says what is in a backup.
func (c *call) tellBackup(s app.BackupSummary) {
	c.say("cli.restore.found", s.Made.Local().Format("2006-01-02 15:04"), s.Documents, s.Conversations, s.Datasets, s.Adapters)
}

func undoRestore(ctx context.Context, c *call, keep app.Keep, alone bool) error {
	s, there, err := keep.Undoable()
	if err != nil {
		return err
	}
	if there {
		if err := c.confirm(ctx, c.options.(*restoreOptions).yes, "cli.restore.ask_undo", s.When.Local().Format("2006-01-02 15:04")); err != nil {
			return err
		}
	}
	if err := keep.Undo(); err != nil {
		return err
	}
	if alone {
		if _, _, err := keep.Finish(); err != nil {
			return err
		}
	}
	if c.json {
		return c.emit(map[string]any{"undone": s, "waits": !alone})
	}
	if alone {
		c.say("cli.restore.undone")
	} else {
		c.say("cli.restore.waits")
	}
	return nil
}

func forgetRestore(ctx context.Context, c *call, keep app.Keep) error {
	s, there, err := keep.Undoable()
	if err != nil {
		return err
	}
	if there {
		if err := c.confirm(ctx, c.options.(*restoreOptions).yes, "cli.restore.ask_forget", s.When.Local().Format("2006-01-02 15:04")); err != nil {
			return err
		}
	}
	if err := keep.Forget(); err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]any{"forgotten": there})
	}
	c.say("cli.restore.forgotten")
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
