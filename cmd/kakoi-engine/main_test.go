package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/core/engine"
)

// build makes the program under test with the build's own tags.
func build(t *testing.T, tags string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kakoi-engine")
	out, err := exec.Command("go", "build", "-tags", tags, "-ldflags", "-X main.version=under-test", "-o", path, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// output runs the program and gives its standard output, standard error and exit code.
func output(t *testing.T, path, lang string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL="+lang)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestCommandLine(t *testing.T) {
	path := build(t, "")
	for _, test := range []struct {
		lang string
		args []string
		code int
		out  string // of standard output, or of standard error where there is none
	}{
		{"C", []string{"--version"}, 0, "kakoi-engine under-test"},
		{"C", []string{"--help"}, 0, "bench decode|prefill"},
		{"C", nil, 1, "kakoi-engine is started by kakoi"},
		{"ja_JP.UTF-8", nil, 1, "kakoi から起動される"},
		{"C", []string{"dance"}, 2, "does not know this command"},
		{"C", []string{"selftest", "--what"}, 2, "does not know this command"},
		{"C", []string{"selftest", "too", "many"}, 2, "does not know this command"},
		{"C", []string{"bench"}, 2, "does not know this command"},
		{"C", []string{"selftest", "--device", "cpu"}, 1, "built without libtorch"},
		{"C", []string{"bench", "decode", "--model", "x"}, 1, "built without libtorch"},
	} {
		stdout, stderr, code := output(t, path, test.lang, test.args...)
		if code != test.code || !strings.Contains(stdout+stderr, test.out) {
			t.Errorf("%q: exit %d, %q %q; want %d and %q", test.args, code, stdout, stderr, test.code, test.out)
		}
		if (code == 0) != (stderr == "") {
			t.Errorf("%q: exit %d with %q on standard error", test.args, code, stderr)
		}
	}
}

func TestSomethingElseOnTheSocketsPlace(t *testing.T) {
	path := build(t, "")
	cmd := exec.Command(path)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd.ExtraFiles = []*os.File{file}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "not kakoi's socket") {
		t.Errorf("a file as descriptor 3: %v, %s", err, out)
	}
}

func TestPhysicalCores(t *testing.T) {
	dir := t.TempDir()
	for cpu, siblings := range map[string]string{"cpu0": "0,2\n", "cpu1": "1,3\n", "cpu2": "0,2\n", "cpu3": "1,3\n"} {
		path := filepath.Join(dir, cpu, "topology")
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "thread_siblings_list"), []byte(siblings), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := physicalCores(dir); n != 2 {
		t.Errorf("%d cores, want 2", n)
	}
	if n := physicalCores(t.TempDir()); n < 1 {
		t.Errorf("without a list: %d", n)
	}
	if threads(3) != 3 || threads(0) < 1 {
		t.Errorf("threads: %d, %d", threads(3), threads(0))
	}
}

func TestDeviceBeforeAndAfterAModel(t *testing.T) {
	var d device
	if i := d.info(); i.Device != "auto" || i.Threads < 1 || i.MemoryBytes < i.FreeBytes || i.FreeBytes == 0 {
		t.Errorf("before: %+v", i)
	}
	d.use(engine.DeviceInfo{Device: "cuda:0", Torch: "2.0", MemoryBytes: 9})
	if i := d.info(); i.Device != "cuda:0" || i.MemoryBytes != 9 || i.Torch != "2.0" || i.Threads < 1 {
		t.Errorf("after: %+v", i)
	}
	d.use(engine.DeviceInfo{Device: "cpu", Note: "no driver"})
	if i := d.info(); i.Device != "cpu" || i.MemoryBytes < i.FreeBytes || i.FreeBytes == 0 || i.Note != "no driver" {
		t.Errorf("on the CPU: %+v", i)
	}
}

func TestCardIsNamedByTheDriver(t *testing.T) {
	dir := t.TempDir()
	for bus, model := range map[string]string{"0000:81:00.0": "NVIDIA B", "0000:01:00.0": "NVIDIA A"} {
		if err := os.MkdirAll(filepath.Join(dir, bus), 0o700); err != nil {
			t.Fatal(err)
		}
		text := "Model: \t\t " + model + "\nIRQ:   \t\t 0\n"
		if err := os.WriteFile(filepath.Join(dir, bus, "information"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"cuda:0": "NVIDIA A", "cuda:1": "NVIDIA B", "cuda:2": "", "cuda:x": ""} {
		if got := card(dir, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestTimedStopsReportingAtAnError(t *testing.T) {
	full := errors.New("full")
	var names []string
	err := timed(func(c engine.Check) error {
		names = append(names, c.Name)
		if len(names) == 2 {
			return full
		}
		return nil
	}, func(report func(string, bool, string)) error {
		report("a", true, "")
		report("b", false, "")
		report("c", true, "")
		return nil
	})
	if !errors.Is(err, full) || len(names) != 2 {
		t.Errorf("%v after %q", err, names)
	}
}
