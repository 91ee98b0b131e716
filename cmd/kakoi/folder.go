package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"kakoi/app"
	"kakoi/core"
	"kakoi/resources"
)

type folderOptions struct {
	collection string
	watch      bool
	remove     bool
}

func folderFlags(fs *flag.FlagSet, c *call) {
	o := &folderOptions{}
	fs.StringVar(&o.collection, "collection", "", "cli.flag.collection")
	fs.BoolVar(&o.watch, "watch", false, "cli.flag.watch")
	fs.BoolVar(&o.remove, "remove", false, "cli.flag.remove_gone")
	c.options = o
}

var folderVerbs = []string{"link", "list", "check", "unlink"}

func runFolder(ctx context.Context, c *call) error {
	if len(c.args) == 0 {
		return folderList(ctx, c)
	}
	switch verb := c.args[0]; verb {
	case "list":
		if err := c.want(1, 1); err != nil {
			return err
		}
		return folderList(ctx, c)
	case "check":
		if err := c.want(1, 2); err != nil {
			return err
		}
		return folderCheck(ctx, c)
	case "link", "unlink":
		if err := c.want(2, 2); err != nil {
			return err
		}
		if verb == "link" {
			return folderLink(ctx, c)
		}
		return folderUnlink(ctx, c)
	default:
		return c.unknownVerb(folderVerbs)
	}
}

func folderList(ctx context.Context, c *call) error {
	all, err := c.host.folders.List(ctx)
	if err != nil {
		return err
	}
	if c.json {
		for _, one := range all {
			if err := c.emit(one); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		c.say("cli.folder.none")
	}
	for _, one := range all {
		watched, checked := c.text("cli.folder.unwatched"), c.text("cli.folder.never")
		if one.Watch {
			watched = c.text("cli.folder.watched")
		}
		if !one.Checked.IsZero() {
			checked = one.Checked.Local().Format("2006-01-02 15:04")
		}
		fmt.Fprintln(c.Out, c.text("cli.folder.line", sanitize(one.Path, false), sanitize(one.Collection, false), watched, checked))
		if one.Problem != "" {
			fmt.Fprintln(c.Out, "  "+resources.WithHint(sanitize(one.Problem, false), sanitize(one.Hint, false)))
		}
	}
	return nil
}

// folderLink links a folder and checks it at once.
func folderLink(ctx context.Context, c *call) error {
	o := c.options.(*folderOptions)
	one, err := c.host.folders.Link(ctx, app.Folder{Path: c.path(c.args[1]), Collection: o.collection, Watch: o.watch, Remove: o.remove})
	if err != nil {
		return err
	}
	c.say("cli.folder.linked", sanitize(one.Path, false), sanitize(one.Collection, false))
	return check(ctx, c, one, false)
}

func folderUnlink(ctx context.Context, c *call) error {
	one, err := c.folder(ctx, c.args[1])
	if err == nil {
		err = c.host.folders.Unlink(ctx, one.ID)
	}
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]any{"unlinked": one.ID, "path": one.Path})
	}
	c.say("cli.folder.unlinked", sanitize(one.Path, false))
	return nil
}

// folder finds a linked folder by its path, seen from where the command was given, or its id.
func (c *call) folder(ctx context.Context, which string) (app.Folder, error) {
	one, err := c.host.folders.Find(ctx, c.path(which))
	if errors.Is(err, core.ErrNotFound) {
		return c.host.folders.Find(ctx, which)
	}
	return one, err
}

// folderCheck checks one linked folder, or all.
func folderCheck(ctx context.Context, c *call) error {
	var all []app.Folder
	var err error
	if len(c.args) > 1 {
		var one app.Folder
		one, err = c.folder(ctx, c.args[1])
		all = []app.Folder{one}
	} else {
		all, err = c.host.folders.List(ctx)
	}
	if err != nil {
		return err
	}
	if len(all) == 0 {
		c.say("cli.folder.none")
	}
	var failed error
	for _, one := range all {
		err := check(ctx, c, one, c.options.(*folderOptions).remove)
		switch {
		case errors.Is(err, context.Canceled):
			return err
		case err != nil && len(all) == 1:
			return err
		case err != nil: // the others are checked all the same
			if !errors.Is(err, errFailed) {
				c.finish(err)
			}
			failed = errFailed
		}
	}
	return failed
}

func check(ctx context.Context, c *call, one app.Folder, remove bool) error {
	c.say("cli.folder.checking", sanitize(one.Path, false))
	opt, b := c.addOptions()
	found, err := c.host.folders.Check(ctx, one.ID, app.CheckOptions{AddOptions: opt, Remove: remove})
	b.clear()
	if c.json {
		if err != nil {
			return err
		}
		if found.Add.Failed == nil {
			found.Add.Failed = []app.Failure{}
		}
		if err := c.emit(found); err != nil {
			return err
		}
		if len(found.Add.Failed) > 0 {
			return errFailed
		}
		return nil
	}
	if found.New+found.Changed > 0 {
		err = c.summary(found.Add, err)
	}
	if err != nil && !errors.Is(err, errFailed) {
		return err
	}
	for _, d := range found.Gone {
		c.say("cli.folder.gone", sanitize(d.Source, false))
	}
	if found.Moved > 0 {
		c.say("cli.folder.moved", found.Moved)
	}
	if found.Away > 0 {
		c.say("documents.folder.away", found.Away)
	}
	switch {
	case found.Removed > 0:
		c.say("cli.folder.removed", found.Removed)
	case len(found.Gone) > 0:
		c.say("cli.folder.gone_hint", len(found.Gone))
	case found.New+found.Changed+found.Moved == 0:
		c.say("cli.folder.current")
	}
	return err
}
