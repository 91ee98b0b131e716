package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/core"
)

type backupOptions struct {
	yes  bool
	file string // with a passphrase
}

const backupArgs = "FILE | now | list | verify [FILE]"

func backupFlags(fs *flag.FlagSet, c *call) {
	o := &backupOptions{}
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	fs.StringVar(&o.file, "passphrase-file", "", "cli.flag.passphrase_file")
	c.options = o
}

// runBackup writes the library and what belongs to it into one file, or looks after the daily backups. (A file that is called like one of the verbs is meant by ./now.)
func runBackup(ctx context.Context, c *call) error {
	if len(c.args) > 0 {
		switch c.args[0] {
		case "now":
			return backupNow(ctx, c)
		case "list":
			return backupList(ctx, c)
		case "verify":
			return backupVerify(ctx, c)
		}
	}
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

// backupNow makes one of the daily backups now.
func backupNow(ctx context.Context, c *call) error {
	if err := c.want(1, 1); err != nil {
		return err
	}
	b := c.newBar()
	k, err := c.host.backups(c).Make(ctx, b.show)
	b.clear()
	if err != nil {
		return err
	}
	return c.tellBackupMade(k)
}

func (c *call) tellBackupMade(k app.KeptBackup) error {
	if c.json {
		if err := c.emit(k); err != nil {
			return err
		}
	} else if k.Good() {
		c.say("cli.backup.proved", sanitize(k.File, false), amount.Bytes(k.Bytes), k.Documents)
	} else {
		c.say("cli.backup.bad", sanitize(k.File, false), c.text(k.Problem))
	}
	if !k.Good() {
		return errFailed
	}
	return nil
}

// backupVerify restores a backup, the newest without a file, beside the library and looks at what came of it.
func backupVerify(ctx context.Context, c *call) error {
	if err := c.want(1, 2); err != nil {
		return err
	}
	backups := c.host.backups(c)
	path := ""
	if len(c.args) == 2 {
		path = c.path(c.args[1])
	} else {
		st, err := backups.Status(ctx)
		if err != nil {
			return err
		}
		if len(st.Kept) == 0 {
			return core.Explain(fmt.Errorf("backup verify: %w", core.ErrNotFound), "error.backup.none", st.Folder)
		}
		path = st.Kept[0].File
	}
	prove := func() (app.KeptBackup, error) {
		b := c.newBar()
		defer b.clear()
		return backups.Prove(ctx, path, b.show)
	}
	k, err := prove()
	if errors.Is(err, core.ErrEncrypted) {
		if backups.Passphrase, err = c.passphrase(ctx, c.options.(*backupOptions).file, "cli.backup.passphrase"); err != nil {
			return err
		}
		defer clear(backups.Passphrase)
		k, err = prove()
	}
	if err != nil {
		return err
	}
	return c.tellBackupMade(k)
}

func backupList(ctx context.Context, c *call) error {
	if err := c.want(1, 1); err != nil {
		return err
	}
	st, err := c.host.backups(c).Status(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(st)
	}
	c.tellBackups(ctx)
	for _, k := range st.Kept {
		state := c.text("cli.backup.unproved")
		if k.Problem != "" {
			state = c.text(k.Problem)
		} else if k.Good() {
			state = c.text("cli.backup.good", k.Documents)
		}
		fmt.Fprintf(c.Out, "  %s  %s  %s  %s\n", k.Made.Local().Format("2006-01-02 15:04"), amount.Bytes(k.Bytes), sanitize(filepath.Base(k.File), false), state)
	}
	return nil
}

// tellBackups says in a line or two how the daily backups stand.
func (c *call) tellBackups(ctx context.Context) {
	st, err := c.host.backups(c).Status(ctx)
	if err != nil {
		return // the folder is of a disk that is not there, say: Make tells it
	}
	switch {
	case !st.Daily && len(st.Kept) == 0:
		c.say("cli.backup.off")
		return
	case len(st.Kept) == 0:
		c.say("cli.backup.first", st.Next.Local().Format("2006-01-02 15:04"), sanitize(st.Folder, false))
	default:
		k := st.Kept[0]
		key := "cli.backup.last"
		if !k.Good() {
			key = "cli.backup.last_unproved"
		}
		c.say(key, k.Made.Local().Format("2006-01-02 15:04"), len(st.Kept), sanitize(st.Folder, false))
	}
	if st.Inside {
		c.say("cli.backup.inside")
	}
	if st.Problem != "" {
		c.say("cli.backup.problem", c.text(st.Problem))
	}
}

// changing are the commands after which a daily backup is made when it is due. (The window makes it while it is open.)
var changing = []string{"add", "ocr", "folder", "chat", "dataset", "train", "exam", "adapter", "capsule"}

// daily makes the daily backup when it is due, after the command has done its work and said so. Ctrl+C ends it, and it is made another time.
func (c *call) daily(ctx context.Context) {
	if !slices.Contains(changing, c.command.name) || ctx.Err() != nil {
		return
	}
	backups := c.host.backups(c)
	if !backups.Due(ctx) {
		return
	}
	b := c.newBar()
	_, err := backups.Make(ctx, b.show)
	b.clear()
	if err != nil && ctx.Err() == nil {
		slog.Warn("daily backup", "error", err)
	}
}

// backup is that of an open library.
func (h *host) backup(c *call) *app.Backup {
	return &app.Backup{Data: c.data, Store: h.index, Jobs: h.library.Jobs, Version: version, Key: h.keep.Key}
}

// backups are its daily ones.
func (h *host) backups(c *call) *app.Backups {
	return &app.Backups{Backup: h.backup(c), Settings: h.settings}
}

type restoreOptions struct {
	yes, undo, forget, look bool
	file                    string // with a passphrase
}

func restoreFlags(fs *flag.FlagSet, c *call) {
	o := &restoreOptions{}
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	fs.BoolVar(&o.undo, "undo", false, "cli.flag.undo")
	fs.BoolVar(&o.forget, "forget", false, "cli.flag.forget")
	fs.BoolVar(&o.look, "check", false, "cli.flag.restore_check")
	fs.StringVar(&o.file, "passphrase-file", "", "cli.flag.passphrase_file")
	c.options = o
}

// aloneRestore restores in a data folder whose library is not open: it takes effect at once.
func aloneRestore(ctx context.Context, c *call) (bool, error) {
	b := &app.Backup{Data: c.data, Jobs: job.NewRunner(), Version: version, Key: c.key}
	if _, _, err := (app.Keep{Data: c.data}).Finish(); err != nil {
		return true, err
	}
	return true, restore(ctx, c, b, true)
}

// runRestore restores beside an open library: it takes effect when Kakoi is opened the next time.
func runRestore(ctx context.Context, c *call) error { return restore(ctx, c, c.host.backup(c), false) }

func restore(ctx context.Context, c *call, b *app.Backup, alone bool) error {
	o, keep := c.options.(*restoreOptions), app.Keep{Data: c.data, Key: b.Key}
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
	if errors.Is(err, core.ErrEncrypted) {
		if b.Passphrase, err = c.passphrase(ctx, o.file, "cli.backup.passphrase"); err != nil {
			return err
		}
		defer clear(b.Passphrase)
		bar = c.newBar()
		found, err = b.Look(ctx, path, bar.progress())
		bar.clear()
	}
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
	if there && found.Sealed && b.Key == nil && !c.json && !c.quiet {
		fmt.Fprintln(c.Err, c.text("cli.restore.plain"))
	}
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
		return c.emit(map[string]any{"restored": s, "waits": !alone, "encrypted": b.Key != nil || s.Sealed && !there})
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
