package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/vault"
)

// mostPassphrase is how long a file with a passphrase may be.
const mostPassphrase = 64 << 10

// mostTries is how often a passphrase may be mistyped.
const mostTries = 3

// ahead asks for the passphrase of a data folder that nobody has open, before this process has it: whoever thinks about a passphrase holds nobody up. Where another process has the
// folder it has the key too.
func (c *call) ahead(ctx context.Context) error {
	if c.command.locked || c.command.window || c.globals.unlock != "" || !c.Tty.In || c.secretly == nil {
		return nil
	}
	o, err := own(c.data)
	if err != nil || o == nil {
		return nil // whatever it is, the next step tells it
	}
	_, there, err := vault.Load(c.data)
	o.Release()
	if err != nil || !there {
		return nil
	}
	c.typed, err = c.secret(ctx, "cli.passphrase.ask")
	return err
}

// unlock gives the call the key of a data folder that has a passphrase: by what was typed ahead, or from the file of --unlock-file. vault.ErrPassphrase.
func (c *call) unlock(ctx context.Context) error {
	v, err := app.NewVault(c.data)
	if err != nil || v.State() == app.VaultNone {
		clear(c.typed)
		c.typed = nil
		return err
	}
	v.Open = func(_ context.Context, key *vault.Key) error {
		c.key = key
		return nil
	}
	pass, err := c.current(ctx)
	if err != nil {
		return err
	}
	return v.Unlock(ctx, pass)
}

// current is the passphrase that the data folder has.
func (c *call) current(ctx context.Context) ([]byte, error) {
	if c.typed != nil {
		pass := c.typed
		c.typed = nil
		return pass, nil
	}
	if c.globals.unlock != "" {
		return c.fromFile(c.globals.unlock)
	}
	if !c.Tty.In || c.ask == nil {
		return nil, core.Explain(fmt.Errorf("unlock: %w", core.ErrEncrypted), "error.vault.nobody")
	}
	return c.secret(ctx, "cli.passphrase.ask")
}

// passphrase is what opens a file: the first line of another file, or what is typed. The caller clears it.
func (c *call) passphrase(ctx context.Context, file, key string, args ...any) ([]byte, error) {
	if file != "" {
		return c.fromFile(file)
	}
	return c.secret(ctx, key, args...)
}

// newPassphrase is the first line of a file, or what is typed twice, with a word on how hard it is to guess. The caller clears it.
func (c *call) newPassphrase(ctx context.Context, file, key string) ([]byte, error) {
	pass, err := c.passphrase(ctx, file, key)
	if err != nil || file != "" {
		return pass, err
	}
	_, word := app.VaultStrength(pass)
	fmt.Fprintln(c.Err, c.text("vault.strength."+word))
	again, err := c.secret(ctx, "cli.passphrase.again")
	if err != nil {
		clear(pass)
		return nil, err
	}
	defer clear(again)
	if !bytes.Equal(pass, again) {
		clear(pass)
		return nil, core.Explain(fmt.Errorf("new passphrase: %w", core.ErrUsage), "error.vault.differ")
	}
	return pass, nil
}

// fromFile reads a passphrase: the first line of a file, or of standard input for "-".
func (c *call) fromFile(name string) ([]byte, error) {
	var in io.Reader = os.Stdin
	if name != "-" {
		f, err := os.Open(c.path(name))
		if err != nil {
			return nil, core.Explain(fmt.Errorf("read passphrase: %w", err), "error.vault.file", name)
		}
		defer f.Close()
		in = f
	} else if c.ask == nil || c.host != nil { // a guest's standard input is another process's
		return nil, core.Explain(fmt.Errorf("read passphrase: %w", core.ErrUsage), "error.vault.file", name)
	}
	line, err := firstLine(in)
	if err != nil {
		return nil, core.Explain(fmt.Errorf("read passphrase: %w", err), "error.vault.file", name)
	}
	return line, nil
}

// firstLine reads a passphrase from the beginning of in; what stands behind it does not stay in memory.
func firstLine(in io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, mostPassphrase))
	if err != nil {
		return nil, err
	}
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	clear(rest)
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// askSecretly is the payload of a frameAsk for a passphrase.
var askSecretly = []byte("secret")

// secret asks for a line that is not shown while it is typed. core.ErrUsage where nobody can answer.
func (c *call) secret(ctx context.Context, key string, args ...any) ([]byte, error) {
	if !c.Tty.In || c.secretly == nil {
		return nil, core.Explain(fmt.Errorf("ask for a passphrase: %w", core.ErrUsage), "error.capsule.nobody")
	}
	fmt.Fprintf(c.Err, "%s ", c.text(key, args...))
	line, err := c.secretly(ctx)
	fmt.Fprintln(c.Err)
	return []byte(line), err
}

// askStdinSecretly is askStdin with the terminal's echo turned off meanwhile.
func askStdinSecretly(ctx context.Context) (string, error) {
	fd := int(os.Stdin.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("ask for a passphrase: %w", err)
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETSF, &quiet); err != nil {
		return "", fmt.Errorf("ask for a passphrase: %w", err)
	}
	line, err := askStdin(ctx)
	_ = unix.IoctlSetTermios(fd, unix.TCSETSF, before)
	return line, err
}
