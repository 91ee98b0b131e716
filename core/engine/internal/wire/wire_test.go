package wire

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kakoi/core"
)

func TestErrorsCrossTheBorder(t *testing.T) {
	for _, s := range sentinels {
		sent := fmt.Errorf("load shard 3: %w", s.err)
		err := Encode(sent)
		if status.Code(err) != s.code && s.name != "no-space" {
			t.Errorf("%s: code %s, want %s", s.name, status.Code(err), s.code)
		}
		got, ok := Decode(err)
		if !ok || got.Error() != sent.Error() {
			t.Errorf("%s: %v, %v", s.name, got, ok)
		}
		for _, other := range sentinels {
			want := errors.Is(s.err, other.err) || s.name == other.name
			if other.name == "no-space" && s.name == "no-space" {
				want = errors.Is(got, core.ErrNoSpace)
			}
			if errors.Is(got, other.err) != want && other.name != "no-space" {
				t.Errorf("%s is %s: %v", s.name, other.name, !want)
			}
		}
		if s.name == "no-space" && !errors.Is(got, core.ErrNoSpace) {
			t.Errorf("%v does not come out as no space", s.err)
		}
	}
}

func TestUserErrorsCrossTheBorder(t *testing.T) {
	inner := core.Explain(fmt.Errorf("map: %w", core.ErrCorrupt), "error.weights.short", "a.safetensors", 7, int64(-8), 1.5, false, []int{1})
	for _, sent := range []error{inner, fmt.Errorf("load %q: %w", "x", inner)} {
		got, ok := Decode(Encode(sent))
		if !ok || got.Error() != sent.Error() || !errors.Is(got, core.ErrCorrupt) {
			t.Fatalf("%v, %v", got, ok)
		}
		var user *core.UserError
		if !errors.As(got, &user) || user.Key != "error.weights.short" || user.Error() != inner.Error() {
			t.Fatalf("user error %+v", user)
		}
		if want := []any{"a.safetensors", int64(7), int64(-8), 1.5, false, "[1]"}; !reflect.DeepEqual(user.Args, want) {
			t.Errorf("args %#v, want %#v", user.Args, want)
		}
	}
	got, ok := Decode(Encode(core.Explain(nil, "error.alone")))
	if !ok || got.Error() != "error.alone" {
		t.Errorf("without a cause: %v", got)
	}
}

func TestForeignErrorsAreNotOurs(t *testing.T) {
	for _, err := range []error{status.Error(codes.Unavailable, "gone"), context.Canceled, errors.New("x")} {
		if got, ok := Decode(err); ok || got != err {
			t.Errorf("%v: %v, %v", err, got, ok)
		}
	}
	if Encode(nil) != nil {
		t.Error("no error became one")
	}
}

func TestLongAndBrokenTextsAreSent(t *testing.T) {
	got, ok := Decode(Encode(errors.New(strings.Repeat("あ", maxText) + "\xff")))
	if !ok || len(got.Error()) > maxText+16 || !strings.HasPrefix(got.Error(), "ああ") {
		t.Errorf("%d bytes, %v", len(got.Error()), ok)
	}
}

func TestVectorsKeepEveryBit(t *testing.T) {
	vecs := []core.Vector{{0, -1, float32(math.Inf(1))}, {1e-45, math.MaxFloat32, 0.1}}
	dimension, packed, err := PackVectors(vecs)
	if err != nil || dimension != 3 || len(packed) != 24 {
		t.Fatalf("%d, %d bytes, %v", dimension, len(packed), err)
	}
	if packed[4] != 0 || packed[7] != 0xbf { // -1 is 0xbf800000
		t.Errorf("not little-endian: % x", packed[4:8])
	}
	got, err := UnpackVectors(2, 3, packed)
	if err != nil || !reflect.DeepEqual(got, vecs) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []struct{ n, dimension, bytes int }{{2, 3, 23}, {1, 3, 24}, {2, 0, 0}, {1, -1, 4}} {
		if _, err := UnpackVectors(bad.n, bad.dimension, make([]byte, bad.bytes)); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, _, err := PackVectors([]core.Vector{{1}, {1, 2}}); !errors.Is(err, core.ErrDimension) {
		t.Errorf("ragged: %v", err)
	}
}
