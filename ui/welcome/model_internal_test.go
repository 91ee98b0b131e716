package welcome

import (
	"slices"
	"testing"
)

func TestSteps(t *testing.T) {
	m := newModel(0, "")
	if m.size != 100 || m.theme != "system" || m.back() {
		t.Fatalf("begins as %+v", m)
	}
	for range steps - 1 {
		if !m.next() {
			t.Fatalf("no step after %d", m.step)
		}
	}
	if m.next() || m.step != stepDocuments {
		t.Fatalf("at step %d", m.step)
	}
	if !m.end() || m.end() {
		t.Fatal("the welcome ends twice")
	}
}

func TestTakeEachOnce(t *testing.T) {
	var m model
	m.take([]string{"/a/1.pdf", "/a/2.pdf"})
	m.take([]string{"/a/2.pdf", "/b/3.pdf", "/b/4.pdf"})
	if want := []string{"/a/1.pdf", "/a/2.pdf", "/b/3.pdf", "/b/4.pdf"}; !slices.Equal(m.paths, want) {
		t.Fatalf("paths %q, want %q", m.paths, want)
	}
	if names, others := m.named(); names != "1.pdf, 2.pdf, 3.pdf" || others != 1 {
		t.Fatalf("named %q and %d", names, others)
	}
}

func TestNearestSize(t *testing.T) {
	for size, want := range map[int]int{80: 90, 100: 100, 110: 100, 130: 125, 200: 150} {
		if got := (&model{size: size}).nearest(); got != want {
			t.Errorf("%d: %d, want %d", size, got, want)
		}
	}
}
