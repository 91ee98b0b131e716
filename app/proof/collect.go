package proof

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/core"
	"kakoi/core/bundle"
	"kakoi/core/closed"
	"kakoi/core/closed/landlock"
	"kakoi/core/engine"
	"kakoi/core/ingest"
	"kakoi/core/manifest"
	"kakoi/core/vault"
)

// Engine is the engine process that is asked.
type Engine interface {
	Inspect(ctx context.Context) (engine.Status, error)
	Selftest(ctx context.Context, device string, emit func(engine.Check) error) error
}

// Sources are what a report is made from.
type Sources struct {
	Proof    closed.Proof // of this process, from its start
	Version  string
	Home     string // folder of the programs and what came with them
	Binary   string // kakoi-engine
	Data     string // data folder
	Fonts    string // that the PDF engine is given; "": those of the system
	Strict   bool   // the setting
	Engine   func(ctx context.Context) (Engine, error)
	Key      *manifest.PublicKey // the maker's, from this installation; nil where there is none
	Licences []Licence
	Explain  func(error) string // one sentence for people
	Env      func(string) string
}

// Collect tries and looks. Its error is the end of ctx; everything else that fails is told in the report.
func Collect(ctx context.Context, s Sources, p core.Progress) (Report, error) {
	r := Report{
		Format: Format, Made: time.Now().Truncate(time.Second), Failed: []string{}, Machine: machine(), Program: program(s.Version),
		Modules: modules(), Licences: s.Licences,
	}
	fail := func(bad bool, what string) {
		if bad && !slices.Contains(r.Failed, what) {
			r.Failed = append(r.Failed, what)
		}
	}
	p.Report(core.Update{Stage: "proof"})
	r.Kakoi = s.own(ctx, p)
	r.Engine, r.EngineInfo = s.engine(ctx, p)
	if err := ctx.Err(); err != nil {
		return r, err
	}
	fail(!refused(r.Kakoi.Proof), FailKakoiNetwork)
	fail(!filtered(r.Kakoi.Proof), FailKakoiThreads)
	fail(networked(r.Kakoi.Proof), FailKakoiSockets)
	fail(exposed(r.Kakoi.Proof), FailMemory)
	fail(unread(r.Kakoi.Libraries), FailLibraries)
	if fail(r.Engine.Error != "", FailEngine); r.Engine.Error == "" {
		fail(!refused(r.Engine.Proof), FailEngineNetwork)
		fail(!filtered(r.Engine.Proof), FailEngineThreads)
		fail(networked(r.Engine.Proof), FailEngineSockets)
		fail(exposed(r.Engine.Proof), FailMemory)
		fail(unread(r.Engine.Libraries), FailLibraries)
		files := r.Engine.Proof.Files
		fail(files == nil || !files.On, FailEngineNotShut)
		fail(files != nil && files.On && (len(files.Attempts) == 0 || files.Refusals() != len(files.Attempts)), FailEngineFiles)
		fail(!sound(r.EngineInfo.Checks), FailEngineSelftest)
		fail(r.EngineInfo.Version != s.Version, FailEngineIdentity)
	}
	r.PDF = s.pdf(ctx)
	fail(r.PDF.Error != "" || len(r.PDF.Attempts) == 0 || r.PDF.Refusals() != len(r.PDF.Attempts), FailPDF)
	r.Manifest = s.manifest(ctx, p)
	fail(r.Manifest.There && !r.Manifest.OK() || r.Manifest.Error != "", FailManifest)
	r.Encryption = s.encryption()
	r.Leaks = s.leaks(r)
	r.OK = len(r.Failed) == 0
	return r, ctx.Err()
}

func refused(p closed.Proof) bool { return len(p.Attempts) > 0 && p.Refusals() == len(p.Attempts) }

func filtered(p closed.Proof) bool {
	x := p.Process
	return x != nil && x.Threads > 0 && x.Filtered == x.Threads && x.NoNewPrivs == x.Threads
}

func networked(p closed.Proof) bool { return p.Process != nil && len(p.Process.Networked()) > 0 }

func exposed(p closed.Proof) bool {
	return p.Process == nil || !p.Process.NoCore || !p.Process.Unreadable
}

func sound(checks []engine.Check) bool {
	return len(checks) > 0 && !slices.ContainsFunc(checks, func(c engine.Check) bool { return !c.OK })
}

func unread(all []Library) bool {
	return slices.ContainsFunc(all, func(l Library) bool { return l.Loaded && l.SHA256 == "" })
}

// own tries this process again and looks at it.
func (s Sources) own(ctx context.Context, p core.Progress) Process {
	proof, err := s.Proof.Again()
	out := Process{Proof: proof, Libraries: []Library{}}
	if err != nil {
		out.Error = s.Explain(err) // what was open stands among the attempts
	}
	now, err := closed.Inspect()
	if err != nil {
		out.Error = s.Explain(err)
		return out
	}
	out.Proof.Process = &now
	out.Libraries = libraries(ctx, now, "/proc/self/exe", p)
	return out
}

// engine has the engine try itself again and tell what it has open.
func (s Sources) engine(ctx context.Context, p core.Progress) (Process, EngineInfo) {
	none := func(err error) (Process, EngineInfo) {
		return Process{Error: s.Explain(err), Libraries: []Library{}}, EngineInfo{Checks: []engine.Check{}}
	}
	client, err := s.Engine(ctx)
	if err != nil {
		return none(err)
	}
	// The self-test makes it choose a device and load what it computes with: so that belongs to what is looked at.
	checks := []engine.Check{}
	p.Report(core.Update{Stage: "selftest"})
	if err := client.Selftest(ctx, "", func(c engine.Check) error { checks = append(checks, c); return nil }); err != nil {
		checks = append(checks, engine.Check{Name: "selftest", Detail: s.Explain(err)})
	}
	status, err := client.Inspect(ctx)
	if err != nil {
		return none(err)
	}
	if status.Proof.Process == nil {
		return none(fmt.Errorf("the engine tells nothing of its process: %w", core.ErrUnsupported))
	}
	info := EngineInfo{Version: status.Version, Device: status.Device, Checks: checks, Libraries: status.Libraries, Reason: status.Reason}
	return Process{Proof: status.Proof, Libraries: libraries(ctx, *status.Proof.Process, s.Binary, p)}, info
}

func (s Sources) pdf(ctx context.Context) PDF {
	attempts, err := ingest.TryPDFEngine(ctx, ingest.Options{FontsDir: s.Fonts})
	out := PDF{Attempts: attempts}
	if err != nil {
		out.Error = s.Explain(err)
	}
	if out.Attempts == nil {
		out.Attempts = []ingest.PDFAttempt{}
	}
	return out
}

func (s Sources) manifest(ctx context.Context, p core.Progress) Manifest {
	parts, err := bundle.Check(ctx, s.Home, bundle.Options{Known: s.Key, Progress: p})
	switch {
	case errors.Is(err, bundle.ErrNoBundle):
		return Manifest{Parts: []*bundle.Report{}}
	case err != nil:
		return Manifest{There: true, Error: s.Explain(err), Parts: []*bundle.Report{}}
	}
	return Manifest{There: true, Parts: parts}
}

func (s Sources) encryption() Encryption {
	e := Encryption{Disk: DiskUnknown}
	header, there, err := vault.Load(s.Data)
	if err != nil {
		e.Error = s.Explain(err)
	}
	e.On = there && err == nil
	e.Recovery = e.On && header.HasRecovery()
	if m, ok := mountOf(s.Data); ok {
		e.FSType, e.Network = m.fstype, networkFS(m.fstype)
		e.Disk = diskState(m)
	}
	return e
}

func machine() Machine {
	m := Machine{Architecture: runtime.GOARCH, Landlock: landlock.ABI()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Version[:])
	}
	if raw, err := os.ReadFile("/etc/os-release"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if v, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
				m.System = strings.Trim(strings.TrimSpace(v), `"`)
			}
		}
	}
	if raw, err := os.ReadFile("/proc/driver/nvidia/version"); err == nil {
		m.GPUDriver, _, _ = strings.Cut(string(raw), "\n")
	}
	return m
}

func program(version string) Program {
	p := Program{Version: version, Go: runtime.Version(), Settings: []Setting{}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Value != "" && !strings.HasPrefix(s.Key, "CGO_") { // those hold the paths of the machine that built
				p.Settings = append(p.Settings, Setting{s.Key, s.Value})
			}
		}
	}
	return p
}

func modules() []Module {
	all := []Module{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Replace != nil {
				d = &debug.Module{Path: d.Path, Version: d.Replace.Version, Sum: d.Replace.Sum}
			}
			all = append(all, Module{d.Path, d.Version, d.Sum})
		}
	}
	return all
}

// libraries hashes what a process has of code in memory, and names what its program file asks for besides. self is a path at which the
// program's file is found even if another has taken its name.
func libraries(ctx context.Context, p closed.Process, self string, progress core.Progress) []Library {
	needed := neededBy(self)
	all := []Library{}
	loaded := map[string]bool{}
	for _, path := range p.Mapped {
		l := Library{Path: path, Loaded: true}
		_, l.Needed = needed[filepath.Base(path)]
		loaded[filepath.Base(path)] = true
		read := path
		if path == p.Program {
			read = self
		}
		progress.Report(core.Update{Stage: "proof", Note: filepath.Base(path)})
		l.read(ctx, read)
		all = append(all, l)
	}
	for _, name := range slices.Sorted(keys(needed)) {
		if !loaded[name] {
			all = append(all, Library{Path: name, Needed: true})
		}
	}
	return all
}
