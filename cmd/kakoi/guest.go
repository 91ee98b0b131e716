package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"kakoi/core"
)

const (
	retryEvery = 20 * time.Millisecond
	// The owner may be closing a large library, or opening it, and not be listening.
	patience = 2 * time.Minute
	// or it asks for a new passphrase: then whoever waits is told.
	silence = 3 * time.Second
)

var errLost = errors.New("owner process lost")

// enter makes this process the owner of the data folder, or has its owner run the command: then owner is
// nil and code the command's exit code. waiting (nil is allowed) is called once when neither comes about for some seconds.
func enter(ctx context.Context, data string, r request, s *screen, waiting func()) (o *owner, code int, err error) {
	deadline, quiet := time.Now().Add(patience), time.Now().Add(silence)
	for {
		if o, err := own(data); o != nil || err != nil {
			return o, 0, err
		}
		code, ran, err := visit(ctx, data, r, s)
		if ran {
			return nil, code, err
		}
		if errors.Is(err, errLost) {
			deadline = time.Now().Add(patience)
		}
		if waiting != nil && !quiet.IsZero() && time.Now().After(quiet) {
			quiet = time.Time{}
			waiting()
		}
		if time.Now().After(deadline) {
			return nil, 0, core.Explain(fmt.Errorf("enter %s: %w: %w", data, core.ErrBusy, err), "error.instance.busy")
		}
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-time.After(retryEvery):
		}
	}
}

// visit hands the command to the owner. ran is false when it has to be tried again: nobody answered, or the owner was
// killed before the command printed a result (commands can be repeated until then).
func visit(ctx context.Context, data string, r request, s *screen) (code int, ran bool, err error) {
	dir, err := os.Open(data)
	if err != nil {
		return 0, true, fmt.Errorf("open data folder: %w", err)
	}
	defer dir.Close()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socketPath(dir), Net: "unix"})
	if err != nil {
		return 0, false, fmt.Errorf("reach the running kakoi: %w", err)
	}
	defer conn.Close()
	if err := samePerson(conn); err != nil {
		return 0, true, err
	}
	r.Protocol = protocol
	payload, err := json.Marshal(r)
	if err != nil {
		return 0, true, fmt.Errorf("encode request: %w", err)
	}
	out := &frames{w: conn}
	if err := out.write(frameRequest, payload); err != nil {
		return 0, false, err
	}
	stop := context.AfterFunc(ctx, func() {
		if out.write(frameCancel, nil) != nil {
			conn.Close()
		}
	})
	defer stop()
	printed := false
	for {
		kind, payload, err := readFrame(conn)
		if err != nil {
			if ctx.Err() != nil {
				return 0, true, ctx.Err()
			}
			if printed {
				return 0, true, core.Explain(fmt.Errorf("%w: %w", core.ErrBusy, errLost), "error.instance.lost")
			}
			return 0, false, errors.Join(errLost, err)
		}
		switch kind {
		case frameOut:
			printed = true
			if _, err := s.Out.Write(payload); err != nil {
				return 0, true, fmt.Errorf("write output: %w", err)
			}
		case frameErr:
			if _, err := s.Err.Write(payload); err != nil {
				return 0, true, fmt.Errorf("write output: %w", err)
			}
		case frameAsk:
			go func() {
				// Without an answer the command is cancelled. Closing the connection would look like an owner that was
				// lost, and ask again.
				ask := s.ask
				if bytes.Equal(payload, askSecretly) && s.secretly != nil {
					ask = s.secretly
				}
				line, err := ask(ctx)
				if err == nil {
					err = out.write(frameLine, []byte(line))
				} else {
					err = out.write(frameCancel, nil)
				}
				if err != nil {
					conn.Close()
				}
			}()
		case frameExit:
			if len(payload) != 1 {
				return 0, true, fmt.Errorf("exit frame of %d bytes: %w", len(payload), core.ErrCorrupt)
			}
			return int(payload[0]), true, nil
		}
	}
}
