package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"kakoi/core"
)

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
