package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"
)

func quiet() *screen { return &screen{Out: io.Discard, Err: io.Discard} }

func noEnv(string) string { return "" }

// A second start without a command raises the window of the first, even while that still opens its library.
func TestSecondStartRaisesTheWindow(t *testing.T) {
	data := t.TempDir()
	o, err := own(data)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	var raised atomic.Int32
	never := func(ctx context.Context) (*host, error) { <-ctx.Done(); return nil, ctx.Err() }
	p := &program{env: noEnv}
	if err := o.serve(data, p.guests(data, never, func() { raised.Add(1) })); err != nil {
		t.Fatal(err)
	}
	defer o.Close(nil)
	for range 2 {
		owner, code, err := enter(t.Context(), data, request{}, quiet(), nil)
		if owner != nil || code != exitDone || err != nil {
			t.Fatalf("owner %v, exit code %d, %v", owner, code, err)
		}
	}
	if raised.Load() != 2 {
		t.Errorf("raised %d times, want twice", raised.Load())
	}
}

// A command that works without a window says so to a second start, instead of leaving it waiting.
func TestSecondStartBesideACommand(t *testing.T) {
	data := t.TempDir()
	o, err := own(data)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	p := &program{env: noEnv}
	if err := o.serve(data, p.guests(data, func(context.Context) (*host, error) { return nil, nil }, nil)); err != nil {
		t.Fatal(err)
	}
	defer o.Close(nil)
	var said bytes.Buffer
	_, code, err := enter(t.Context(), data, request{}, &screen{Out: io.Discard, Err: &said}, nil)
	if code != exitFailed || err != nil || said.Len() == 0 {
		t.Errorf("exit code %d, %v, said %q", code, err, said.String())
	}
}

// When the window closes, the commands of guests are cancelled in its process and begin again in their own.
func TestDismissedGuestBecomesOwner(t *testing.T) {
	data := t.TempDir()
	first, err := own(data)
	if err != nil {
		t.Fatal(err)
	}
	begun, cancelled := make(chan struct{}), make(chan struct{})
	err = first.serve(data, func(ctx context.Context, _ *screen, _ request) int {
		close(begun)
		<-ctx.Done()
		close(cancelled)
		return exitCancelled
	})
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		owner *owner
		err   error
	}
	got := make(chan result, 1)
	go func() {
		o, _, err := enter(t.Context(), data, request{Args: []string{"add"}}, quiet(), nil)
		got <- result{o, err}
	}()
	<-begun
	first.Dismiss()
	first.Close(nil)
	select {
	case <-cancelled:
	default:
		t.Error("the guest's command runs on in the process that ends")
	}
	first.Release()
	select {
	case r := <-got:
		if r.err != nil || r.owner == nil {
			t.Fatalf("owner %v, %v", r.owner, r.err)
		}
		r.owner.Release()
	case <-time.After(time.Minute):
		t.Fatal("the guest never became the owner")
	}
}

// A guest that comes while the window opens its library waits for it, and hears why it does not open.
func TestGuestWaitsForTheLibrary(t *testing.T) {
	data := t.TempDir()
	o, err := own(data)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	opened := make(chan struct{})
	p := &program{env: noEnv}
	run := p.guests(data, func(ctx context.Context) (*host, error) {
		<-opened
		return nil, errors.New("no space left")
	}, func() {})
	if err := o.serve(data, run); err != nil {
		t.Fatal(err)
	}
	defer o.Close(nil)
	var said bytes.Buffer
	code := make(chan int, 1)
	go func() {
		_, c, _ := enter(t.Context(), data, request{Args: []string{"list"}}, &screen{Out: io.Discard, Err: &said}, nil)
		code <- c
	}()
	close(opened)
	if c := <-code; c != exitFailed || said.Len() == 0 {
		t.Errorf("exit code %d, said %q", c, said.String())
	}
}
