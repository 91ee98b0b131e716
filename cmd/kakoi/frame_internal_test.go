package main

import (
	"bytes"
	"testing"
)

// A write of nothing tells a guest that there is a result: from then on it does not ask again.
func TestStreamTellsOfNothing(t *testing.T) {
	var sent bytes.Buffer
	out := stream{&frames{w: &sent}, frameOut}
	for _, text := range []string{"", "word"} {
		if n, err := out.Write([]byte(text)); err != nil || n != len(text) {
			t.Fatalf("%d, %v", n, err)
		}
		if kind, payload, err := readFrame(&sent); kind != frameOut || err != nil || string(payload) != text {
			t.Errorf("frame %c %q, %v", kind, payload, err)
		}
	}
}
