package main

import (
	"context"
	"flag"
	"fmt"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
)

const passphraseArgs = "status | set | change | remove | recovery [--forget]"

type passphraseOptions struct {
	file        string // of the new passphrase
	yes, forget bool
}

func passphraseFlags(fs *flag.FlagSet, c *call) {
	o := &passphraseOptions{}
	fs.StringVar(&o.file, "passphrase-file", "", "cli.flag.passphrase_new")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	fs.BoolVar(&o.forget, "forget", false, "cli.flag.forget_recovery")
	c.options = o
}

// alonePassphrase does what needs a library that is not open: all of it.
func alonePassphrase(ctx context.Context, c *call) (done bool, err error) {
	if err := c.want(1, 1); err != nil {
		return true, err
	}
	v, err := app.NewVault(c.data)
	if err != nil {
		return true, err
	}
	o := c.options.(*passphraseOptions)
	switch c.args[0] {
	case "status":
		return true, tellVault(c, v)
	case "set":
		return true, setPassphrase(ctx, c, v, o)
	case "change":
		return true, changePassphrase(ctx, c, v, o)
	case "remove":
		return true, removePassphrase(ctx, c, v, o)
	case "recovery":
		return true, recoveryKey(ctx, c, v, o)
	}
	return true, core.Explain(fmt.Errorf("passphrase %s: %w", c.args[0], core.ErrUsage), "error.usage.extra", c.args[0], c.usage())
}

// runPassphrase is for guests: the library is open in another process, or the window is.
func runPassphrase(_ context.Context, c *call) error {
	if err := c.want(1, 1); err != nil {
		return err
	}
	if c.args[0] == "status" {
		v, err := app.NewVaultView(c.data)
		if err != nil {
			return err
		}
		return tellVault(c, v)
	}
	return core.Explain(fmt.Errorf("passphrase %s: %w", c.args[0], core.ErrBusy), "error.vault.running")
}

func tellVault(c *call, v *app.Vault) error {
	protected := v.State() != app.VaultNone
	if c.json {
		return c.emit(map[string]any{"passphrase": protected, "recovery": v.HasRecovery()})
	}
	switch {
	case !protected:
		c.say("cli.passphrase.none")
	case v.HasRecovery():
		c.say("cli.passphrase.there_recovery")
	default:
		c.say("cli.passphrase.there")
	}
	return nil
}

// need is the error of a data folder that has a passphrase, or has none, and should not.
func need(v *app.Vault, there bool) error {
	switch has := v.State() != app.VaultNone; {
	case has && !there:
		return core.Explain(fmt.Errorf("passphrase: %w", core.ErrUsage), "error.vault.there")
	case !has && there:
		return core.Explain(fmt.Errorf("passphrase: %w", core.ErrUsage), "error.vault.none")
	}
	return nil
}

func setPassphrase(ctx context.Context, c *call, v *app.Vault, o *passphraseOptions) error {
	if err := need(v, false); err != nil {
		return err
	}
	plan, err := v.Plan()
	if err != nil {
		return err
	}
	if !c.json && !c.quiet {
		fmt.Fprintln(c.Err, c.text("cli.passphrase.forgotten"))
		fmt.Fprintln(c.Err, c.text("cli.passphrase.elsewhere"))
		if plan.Undo {
			fmt.Fprintln(c.Err, c.text("cli.passphrase.undo"))
		}
		if plan.Backups > 0 {
			fmt.Fprintln(c.Err, c.text("cli.passphrase.backups", plan.Backups))
		}
	}
	if err := c.confirm(ctx, o.yes, "cli.passphrase.confirm_set"); err != nil {
		return err
	}
	pass, err := c.newPassphrase(ctx, o.file, "cli.passphrase.new")
	if err != nil {
		return err
	}
	b := c.newBar()
	err = v.Set(ctx, pass, func(u core.Update) { b.show(job.State{Update: u}) })
	b.clear()
	v.Key().Close()
	if err != nil {
		return err
	}
	return c.passphraseDone("cli.passphrase.done_set", v)
}

func changePassphrase(ctx context.Context, c *call, v *app.Vault, o *passphraseOptions) error {
	if err := need(v, true); err != nil {
		return err
	}
	old, err := c.current(ctx)
	if err != nil {
		return err
	}
	defer clear(old)
	if err := v.Check(old); err != nil { // before a new one is thought of
		return err
	}
	pass, err := c.newPassphrase(ctx, o.file, "cli.passphrase.new")
	if err != nil {
		return err
	}
	if err := v.Change(ctx, old, pass); err != nil {
		return err
	}
	return c.passphraseDone("cli.passphrase.done_change", v)
}

func removePassphrase(ctx context.Context, c *call, v *app.Vault, o *passphraseOptions) error {
	if err := need(v, true); err != nil {
		return err
	}
	if err := c.confirm(ctx, o.yes, "cli.passphrase.confirm_remove"); err != nil {
		return err
	}
	pass, err := c.current(ctx)
	if err != nil {
		return err
	}
	b := c.newBar()
	err = v.Remove(ctx, pass, func(u core.Update) { b.show(job.State{Update: u}) })
	b.clear()
	if err != nil {
		return err
	}
	return c.passphraseDone("cli.passphrase.done_remove", v)
}

func recoveryKey(ctx context.Context, c *call, v *app.Vault, o *passphraseOptions) error {
	if err := need(v, true); err != nil {
		return err
	}
	if !o.forget && v.HasRecovery() {
		if err := c.confirm(ctx, o.yes, "cli.passphrase.confirm_recovery"); err != nil {
			return err
		}
	}
	pass, err := c.current(ctx)
	if err != nil {
		return err
	}
	if o.forget {
		if err := v.RemoveRecovery(ctx, pass); err != nil {
			return err
		}
		return c.passphraseDone("cli.passphrase.done_forget", v)
	}
	code, err := v.AddRecovery(ctx, pass)
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]any{"passphrase": true, "recovery": true, "recovery_key": code})
	}
	fmt.Fprintln(c.Out, code)
	c.say("cli.passphrase.sheet")
	return nil
}

func (c *call) passphraseDone(key string, v *app.Vault) error {
	if c.json {
		return tellVault(c, v)
	}
	c.say(key)
	return nil
}
