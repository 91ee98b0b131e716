package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/closed"
	"kakoi/core/closed/landlock"
	"kakoi/core/engine"
)

// closedIn is a data folder with a library, documents beside it, and a model, and an engine that is closed in.
func closedIn(t *testing.T, change func(*engine.Params)) (c *engine.Client, data, model string) {
	t.Helper()
	data = t.TempDir()
	model = filepath.Join(data, "models", "m")
	for _, dir := range []string{"library", "documents", "runs", "own", "models/m"} {
		if err := os.MkdirAll(filepath.Join(data, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(data, "library", "000001.sst"), "documents")
	write(t, filepath.Join(data, "documents", "rules.txt"), "rules")
	write(t, filepath.Join(data, "settings.json"), "{}")
	write(t, filepath.Join(model, "corpus.txt"), corpus)
	write(t, filepath.Join(model, "delay"), "0s")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	places := engine.Places{Program: exe, Write: []string{filepath.Join(data, "models"), filepath.Join(data, "runs")}, Own: filepath.Join(data, "own")}
	c, _ = start(t, func(p *engine.Params) {
		rules := engine.FilesOf(places)
		p.Files, p.Env = &rules, append(p.Env, places.Environment()...)
		p.Outside = []string{data, filepath.Join(data, "library"), filepath.Join(data, "library", "000001.sst"), filepath.Join(data, "documents", "rules.txt"), filepath.Join(data, "settings.json")}
		if change != nil {
			change(p)
		}
	})
	return c, data, model
}

func TestEngineReachesNoDocuments(t *testing.T) {
	c, data, model := closedIn(t, nil)
	if replies, err := ask(t, generator(t, c, model), "the", 5); err != nil || replies[0].NewTokens != 5 {
		t.Fatalf("a closed engine answers: %+v, %v", replies, err)
	}
	s, err := c.Status(t.Context())
	if err != nil || s.Proof.Files == nil || s.Proof.Process != nil {
		t.Fatalf("status %+v, %v", s.Proof, err)
	}
	files := *s.Proof.Files
	if landlock.ABI() == 0 {
		if files.On || files.Reason != landlock.ReasonKernel {
			t.Errorf("without Landlock: %+v", files)
		}
		return
	}
	tried := func(files landlock.State) {
		t.Helper()
		if !files.On || files.Refusals() != len(files.Attempts) {
			t.Errorf("files %+v", files)
		}
		for _, what := range []string{
			"open /etc/passwd", "list /", "run /bin/sh", "list " + data, "make a file in " + data, "list " + filepath.Join(data, "library"), "open " + filepath.Join(data, "library", "000001.sst"),
			"open " + filepath.Join(data, "documents", "rules.txt"), "open " + filepath.Join(data, "settings.json"), "make a file in " + filepath.Join(data, "library"),
		} {
			if !slices.ContainsFunc(files.Attempts, func(a landlock.Attempt) bool {
				return a.What == what && a.Refused && strings.Contains(a.Error, "denied")
			}) {
				t.Errorf("not tried or not refused: %s in %+v", what, files.Attempts)
			}
		}
	}
	tried(files)
	// A model outside of what it may read is refused, and said.
	outside := newFolder(t, 0)
	_, err = c.LoadGenerator(t.Context(), outside, engine.ModelOptions{}, nil)
	if err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("a model elsewhere: %v", err)
	}
	// Asked again, it tries again, and tells what it has open.
	s, err = c.Inspect(t.Context())
	if err != nil || s.Proof.Process == nil {
		t.Fatalf("inspect %+v, %v", s, err)
	}
	tried(*s.Proof.Files)
	p := *s.Proof.Process
	if p.PID != s.PID || p.Filtered != p.Threads || p.NoNewPrivs != p.Threads || !p.NoCore || len(p.Networked()) != 0 || len(p.Mapped) == 0 || p.Program == "" || s.Proof.When.Before(s.Started) {
		t.Errorf("process %+v", p)
	}
	unix := 0
	for _, d := range p.Descriptors {
		if d.Kind == closed.KindUnix {
			unix++
		}
		if (d.Kind == closed.KindFile || d.Kind == closed.KindFolder) && strings.HasPrefix(d.Target, data) {
			t.Errorf("the engine has %s open", d.Target)
		}
	}
	if unix != 1 {
		t.Errorf("%d sockets: %+v", unix, p.Descriptors)
	}
}

// NVIDIA's driver names threads through /proc and does not start where it cannot. Only the engine's own are opened for it, and only with a GPU.
func TestEngineNamesItsThreads(t *testing.T) {
	for _, gpu := range []bool{false, true} {
		c, _, model := closedIn(t, func(p *engine.Params) {
			p.Files.Use = append(p.Files.Use, engine.FilesOf(engine.Places{GPU: gpu}).Use...)
		})
		_, err := ask(t, generator(t, c, model), "#threads", 1)
		switch {
		case gpu && err != nil:
			t.Errorf("with a GPU: %v", err)
		case !gpu && landlock.ABI() != 0 && (err == nil || !strings.Contains(err.Error(), "permission denied")):
			t.Errorf("without: %v", err)
		}
	}
}

// An engine that is started without rules says why, whatever its environment claims.
func TestEngineWithoutRulesSaysSo(t *testing.T) {
	t.Setenv("KAKOI_LANDLOCK", `{"on":true,"abi":7}`)
	c, _ := start(t, func(p *engine.Params) { p.FilesReason = landlock.ReasonSetting })
	s, err := c.Status(t.Context())
	if err != nil || s.Proof.Files == nil || s.Proof.Files.On || s.Proof.Files.Reason != landlock.ReasonSetting {
		t.Errorf("files %+v, %v", s.Proof.Files, err)
	}
}

func TestClosedEngineThatIsMissing(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "text"), "no program") // 0600
	for _, binary := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "text")} {
		c, _ := start(t, func(p *engine.Params) { p.Binary, p.Files = binary, &landlock.Rules{} })
		_, err := c.Status(t.Context())
		var user *core.UserError
		if !errors.As(err, &user) || user.Key != "error.engine.missing" {
			t.Errorf("%s: %v", binary, err)
		}
	}
}

// Rules that leave out what the engine cannot do without end it with words.
func TestRulesThatAreTooNarrow(t *testing.T) {
	if landlock.ABI() == 0 {
		return
	}
	c, _ := start(t, func(p *engine.Params) { p.Files = &landlock.Rules{Read: []string{"/proc"}} })
	_, err := c.Status(t.Context())
	wantKey(t, err, "error.engine.start", core.ErrEngine)
	if !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("words: %v", err)
	}
}

func TestRulesFollowLinks(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"real/lib", "real/e5", "bin/lib", "bin/models"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "real/lib/libtorch_cpu.so"), "x")
	for from, to := range map[string]string{"bin/lib/libtorch_cpu.so": "real/lib/libtorch_cpu.so", "bin/models/e5": "real/e5"} {
		if err := os.Symlink(filepath.Join(dir, to), filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	r := engine.FilesOf(engine.Places{Program: filepath.Join(dir, "engine"), Libraries: filepath.Join(dir, "bin/lib"), Read: []string{filepath.Join(dir, "bin/models")}, Own: filepath.Join(dir, "own")})
	if !slices.Contains(r.Run, filepath.Join(dir, "real/lib/libtorch_cpu.so")) || !slices.Contains(r.Read, filepath.Join(dir, "real/e5")) || !slices.Contains(r.Write, filepath.Join(dir, "own")) {
		t.Errorf("rules %+v", r)
	}
	for _, list := range [][]string{r.Run, r.Read, r.Write, r.Use} {
		for _, p := range list {
			if p == "/" || p == "/home" || p == "/root" || p == "/tmp" || p == "/etc" || p == "/proc" || p == "/sys" || p == "/dev" || p == dir {
				t.Errorf("the rules open %s", p)
			}
		}
	}
	gpu := engine.FilesOf(engine.Places{Program: "/opt/kakoi/kakoi-engine", Own: "/data/own", GPU: true})
	for _, want := range []string{"/proc", "/sys"} {
		if !slices.Contains(gpu.Read, want) {
			t.Errorf("CUDA needs %s", want)
		}
	}
	for _, want := range []string{"/dev/nvidia-uvm", "/dev/nvidiactl", "/proc/self/task"} {
		if !slices.Contains(gpu.Use, want) {
			t.Errorf("CUDA needs %s", want)
		}
	}
}

// libtorch for NVIDIA GPUs finds NVIDIA's libraries beside it; it needs them to start, also where there is no GPU.
func TestRulesLeadToLibrariesOfNVIDIA(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"cuda/torch/lib", "cuda/nvidia/cu13/lib", "lib"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "cuda/torch/lib/libtorch_cuda.so"), "x")
	write(t, filepath.Join(dir, "lib/libtorch_cpu.so"), "x")
	if err := os.Symlink("cuda/torch/lib", filepath.Join(dir, "lib-cuda")); err != nil {
		t.Fatal(err)
	}
	for _, gpu := range []bool{true, false} {
		r := engine.FilesOf(engine.Places{Program: filepath.Join(dir, "engine"), Libraries: filepath.Join(dir, "lib-cuda"), Own: filepath.Join(dir, "own"), GPU: gpu})
		for _, want := range []string{"cuda/torch/lib", "cuda/nvidia"} {
			if !slices.Contains(r.Run, filepath.Join(dir, want)) {
				t.Errorf("with a GPU %v, %s is out of reach: %v", gpu, want, r.Run)
			}
		}
	}
	r := engine.FilesOf(engine.Places{Program: filepath.Join(dir, "engine"), Libraries: filepath.Join(dir, "lib"), Own: filepath.Join(dir, "own")})
	for _, p := range r.Run {
		if filepath.Base(p) == "nvidia" {
			t.Errorf("the set for CPUs opens %s", p)
		}
	}
}
