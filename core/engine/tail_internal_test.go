package engine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTailKeepsTheLastLines(t *testing.T) {
	var log bytes.Buffer
	last := &tail{log: &log}
	all := ""
	for i := range 50 {
		all += fmt.Sprintf("line %d\n\n", i)
	}
	all += "half"
	for _, r := range []byte(all) { // in the worst pieces
		last.Write([]byte{r})
	}
	words := last.words()
	if len(words) != tailLines+1 || words[0] != "line 38" || words[tailLines] != "half" {
		t.Errorf("words %q", words)
	}
	if log.String() != all {
		t.Error("the log is not what was written")
	}
	last.Write([]byte(strings.Repeat("x", 1<<20)))
	if n := len(last.words()[tailLines]); n > maxLine {
		t.Errorf("an endless line is kept with %d bytes", n)
	}
	last.Write([]byte("\npanic: a\nb\nc\nd\ne\nf\n"))
	if words := last.words(); !slices.Equal(words, []string{"panic: a", "b", "c", "d", "e"}) {
		t.Errorf("words of a crash %q", words)
	}
}

func TestChooseLibraries(t *testing.T) {
	root := t.TempDir()
	file := func(elem ...string) string {
		path := filepath.Join(append([]string{root}, elem...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Dir(path)
	}
	cpu := file("a", "libtorch_cpu.so")
	cuda := file("b", "libtorch_cpu.so")
	file("b", "libtorch_cuda.so")
	driver := file("c", "libcuda.so.1")
	empty := filepath.Join(root, "empty")

	bare := filepath.Join(root, "bare")
	gpu := filepath.Join(root, "gpu")
	file("gpu", "dev", "nvidiactl")
	full := filepath.Join(root, "full")
	file("full", "dev", "nvidiactl")
	file("full", "usr", "lib64", "libcuda.so.1")
	for _, test := range []struct {
		root         string
		driver, dirs []string
		dir, reason  string
	}{
		{full, nil, []string{empty, cpu, cuda}, cuda, LibrariesCUDA},
		{full, nil, []string{cuda, cpu}, cuda, LibrariesCUDA},
		{full, nil, []string{cpu}, cpu, LibrariesNoSet},
		{full, nil, []string{empty, ""}, "", LibrariesNone},
		{gpu, nil, []string{cuda, cpu}, cpu, LibrariesNoDriver},
		{gpu, []string{"", driver}, []string{cpu, cuda}, cuda, LibrariesCUDA},
		{bare, []string{driver}, []string{cpu, cuda}, cpu, LibrariesNoGPU},
		{bare, nil, []string{cuda}, cuda, LibrariesNoGPU}, // computes on the CPU as well
	} {
		dir, reason := chooseLibraries(test.root, test.driver, test.dirs)
		if dir != test.dir || reason != test.reason {
			t.Errorf("%s %v: %q %q, want %q %q", filepath.Base(test.root), test.dirs, dir, reason, test.dir, test.reason)
		}
	}
}

func TestEnvironmentPutsTheLibrariesFirst(t *testing.T) {
	for _, test := range []struct {
		env, want []string
		path      string
	}{
		{[]string{"A=1", "LD_LIBRARY_PATH=/old:/older"}, []string{"A=1", "LD_LIBRARY_PATH=/new:/old:/older", "B=2"}, "/new"},
		{[]string{"LD_LIBRARY_PATH="}, []string{"LD_LIBRARY_PATH=/new", "B=2"}, "/new"},
		{[]string{"A=1"}, []string{"A=1", "LD_LIBRARY_PATH=/new", "B=2"}, "/new"},
		{[]string{"LD_LIBRARY_PATH=/old"}, []string{"LD_LIBRARY_PATH=/old", "B=2"}, ""},
	} {
		if got := environment(test.env, Params{LibraryPath: test.path, Env: []string{"B=2"}}); !slices.Equal(got, test.want) {
			t.Errorf("%q with %q: %q, want %q", test.env, test.path, got, test.want)
		}
	}
}

func TestBatchFillsMessages(t *testing.T) {
	big := strings.Repeat("x", maxBatchBytes)
	for _, test := range []struct {
		texts []string
		want  int
	}{
		{[]string{"a"}, 1},
		{[]string{big + "x", "a"}, 1},
		{[]string{big, "a"}, 1},
		{[]string{"a", "b", big}, 2},
		{make([]string, maxBatchTexts), maxBatchTexts},
		{make([]string, maxBatchTexts+1), maxBatchTexts},
	} {
		if got := batch(test.texts); got != test.want {
			t.Errorf("%d texts: %d, want %d", len(test.texts), got, test.want)
		}
	}
}
