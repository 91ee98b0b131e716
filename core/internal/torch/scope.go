//go:build torch

package torch

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	lib "github.com/sugarme/gotch/libtch"

	"kakoi/core"
)

// Tensor is a handle to a tensor of libtorch. The zero Tensor means "none".
type Tensor struct{ c lib.Ctensor }

// None says whether t is the zero Tensor.
func (t Tensor) None() bool { return t.c == nil }

// live counts the handles that exist in the process.
var live atomic.Int64

// Live is the number of tensor handles that exist in the process.
func Live() int64 { return live.Load() }

// Scope owns the tensors its methods make and carries their first error. It belongs to one goroutine,
// which is locked to its OS thread (device.Device sees to that).
type Scope struct {
	owned  []lib.Ctensor
	err    error
	out    *[3]lib.Ctensor // where libtch writes results; apart, since cgo forbids Go pointers beside it
	device int             // where new tensors go: -1 CPU, n >= 0 CUDA n
	free   *Scope          // a closed inner Scope, kept for the next In
}

// NewScope opens a Scope whose new tensors live on device (-1: CPU, n >= 0: CUDA n). Close ends it.
func NewScope(device int) *Scope {
	return &Scope{out: new([3]lib.Ctensor), device: device}
}

// Close frees the Scope's tensors, newest first, and forgets its error.
func (s *Scope) Close() {
	for i := len(s.owned) - 1; i >= 0; i-- {
		freeHandle(s.owned[i])
	}
	s.owned = s.owned[:0]
	s.err = nil
}

// Err is the first error of the Scope's operations.
func (s *Scope) Err() error { return s.err }

// Fail makes err the Scope's error if it has none yet.
func (s *Scope) Fail(err error) {
	if s.err == nil && err != nil {
		s.err = err
	}
}

// Device is where the Scope's new tensors live: -1 CPU, n >= 0 CUDA n.
func (s *Scope) Device() int { return s.device }

// In runs fn with a Scope of its own, frees what fn made except the Tensor it returns, which goes over
// to s, and takes over its error.
func (s *Scope) In(fn func(in *Scope) Tensor) Tensor {
	if s.err != nil {
		return Tensor{}
	}
	in := s.free
	if in == nil {
		in = NewScope(s.device)
	}
	s.free = nil
	t := fn(in)
	if in.err != nil {
		s.Fail(in.err)
		t = Tensor{}
	} else if in.release(t) {
		s.owned = append(s.owned, t.c)
	}
	in.Close()
	s.free = in
	return t
}

// Keep moves t from the Scope to o and returns it. A Tensor that the Scope does not own is left alone.
func (s *Scope) Keep(o *Owner, t Tensor) Tensor {
	if s.err != nil || t.c == nil {
		return Tensor{}
	}
	if s.release(t) {
		o.held = append(o.held, t.c)
	}
	return t
}

// Drop frees t now, if the Scope owns it.
func (s *Scope) Drop(t Tensor) {
	if t.c != nil && s.release(t) {
		freeHandle(t.c)
	}
}

// release takes t off the list, looking from the newest.
func (s *Scope) release(t Tensor) bool {
	if t.c == nil {
		return false
	}
	for i := len(s.owned) - 1; i >= 0; i-- {
		if s.owned[i] == t.c {
			s.owned = append(s.owned[:i], s.owned[i+1:]...)
			return true
		}
	}
	return false
}

// take registers a handle that was just made, or the error that prevented it. op names the operation.
func (s *Scope) take(op string, c lib.Ctensor) Tensor {
	if c == nil {
		s.failed(op)
		return Tensor{}
	}
	live.Add(1)
	s.owned = append(s.owned, c)
	return Tensor{c}
}

// ready says whether an operation may run: no earlier error, no missing argument.
func (s *Scope) ready(op string, args ...Tensor) bool {
	if s.err != nil {
		return false
	}
	for i, a := range args {
		if a.c == nil {
			s.err = fmt.Errorf("torch %s: argument %d is no tensor", op, i)
			return false
		}
	}
	s.out[0] = nil
	return true
}

// done registers the result that libtch wrote.
func (s *Scope) done(op string) Tensor { return s.take(op, s.out[0]) }

// failed turns the thread's error text into the Scope's error.
func (s *Scope) failed(op string) {
	text := lastError()
	if text == "" {
		text = "no result and no error text"
	}
	s.Fail(fmt.Errorf("torch %s: %w", op, translate(text)))
}

// translate makes an error of a text of libtorch: its first line, with the sentinel it means.
func translate(text string) error {
	line, _, _ := strings.Cut(text, "\n")
	low := strings.ToLower(line)
	for _, sign := range []string{"out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "bad_alloc"} {
		if strings.Contains(low, sign) {
			return fmt.Errorf("%w: %s", core.ErrOutOfMemory, line)
		}
	}
	return errors.New(line)
}

func freeHandle(c lib.Ctensor) {
	lib.AtFree(c)
	live.Add(-1)
}

// Owner holds long-lived tensors: a model's weights, a session's KV cache. Close frees them, newest
// first, on the device's thread; it may be called again.
type Owner struct {
	held []lib.Ctensor
}

// Len is the number of tensors held.
func (o *Owner) Len() int { return len(o.held) }

// Close frees the tensors.
func (o *Owner) Close() {
	for i := len(o.held) - 1; i >= 0; i-- {
		freeHandle(o.held[i])
	}
	o.held = nil
	runtime.KeepAlive(o)
}

// Annotate puts a place in front of the Scope's error.
func (s *Scope) Annotate(format string, args ...any) {
	if s.err != nil {
		s.err = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), s.err)
	}
}
