package proof_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kakoi/app/proof"
	"kakoi/core/closed"
	"kakoi/core/closed/landlock"
	"kakoi/core/engine"
	"kakoi/resources"
)

// A report is made in a process that is closed, which stays so: the tests start this binary again.
const roleEnv = "KAKOI_PROOF_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleEnv)
	if role == "" {
		os.Exit(m.Run())
	}
	var p closed.Proof
	if role != "open" {
		var err error
		if p, err = closed.Lock(); err != nil {
			panic(err)
		}
	}
	s := sources(p, os.Args[1])
	switch role {
	case "no-engine":
		s.Engine = func(context.Context) (proof.Engine, error) { return nil, errors.New("no such program") }
	case "leaky":
		s.Engine = func(context.Context) (proof.Engine, error) { return fake{leaky: true}, nil }
	}
	r, err := proof.Collect(context.Background(), s, nil)
	if err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// fake is an engine that tells of this process.
type fake struct{ leaky bool }

func (f fake) Selftest(_ context.Context, _ string, emit func(engine.Check) error) error {
	return emit(engine.Check{Name: "product", OK: !f.leaky})
}

func (f fake) Inspect(context.Context) (engine.Status, error) {
	now, err := closed.Inspect()
	s := engine.Status{Version: "1", Reason: engine.LibrariesNoGPU, Proof: closed.Proof{
		Process: &now, Attempts: []closed.Attempt{{What: "socket", Refused: true, Error: "no"}},
		Files: &landlock.State{On: true, ABI: 7, Attempts: []landlock.Attempt{{What: "open /x", Refused: true, Error: "no"}}},
	}}
	if f.leaky {
		now.Filtered--
		now.Unreadable = false
		now.Descriptors = append(now.Descriptors, closed.Descriptor{FD: 99, Kind: closed.KindSocket, Target: "socket:[1]"})
		now.Mapped = append(now.Mapped, "/no/such/library.so")
		s.Version, s.Proof.Attempts[0].Refused, s.Proof.Files.Attempts[0].Refused = "2", false, false
	}
	return s, err
}

func sources(p closed.Proof, data string) proof.Sources {
	return proof.Sources{
		Proof: p, Version: "1", Home: data, Binary: "/proc/self/exe", Data: data,
		Engine:   func(context.Context) (proof.Engine, error) { return fake{}, nil },
		Licences: []proof.Licence{{Name: "part", Version: "1", Licence: "MIT"}},
		Explain:  func(err error) string { return "explained: " + err.Error() },
		Env:      func(name string) string { return map[string]string{"HOME": data}[name] },
	}
}

func collect(t *testing.T, role string) proof.Report {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, t.TempDir())
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var r proof.Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReportOfAClosedProcess(t *testing.T) {
	r := collect(t, "closed")
	if !r.OK || len(r.Failed) != 0 || r.Format != proof.Format {
		t.Fatalf("failed: %v", r.Failed)
	}
	p := r.Kakoi.Proof
	if len(p.Attempts) < 14 || p.Refusals() != len(p.Attempts) || p.Process == nil || p.Process.Filtered != p.Process.Threads || len(p.Process.Descriptors) == 0 {
		t.Errorf("kakoi: %+v", p)
	}
	if i := slices.IndexFunc(r.Kakoi.Libraries, func(l proof.Library) bool { return l.Path == p.Process.Program }); i < 0 || len(r.Kakoi.Libraries[i].SHA256) != 64 {
		t.Errorf("the program itself is not hashed: %+v", r.Kakoi.Libraries)
	}
	if len(r.PDF.Attempts) < 100 || r.PDF.Refusals() != len(r.PDF.Attempts) {
		t.Errorf("pdf: %d of %d", r.PDF.Refusals(), len(r.PDF.Attempts))
	}
	if r.Manifest.There || r.Encryption.On || r.Machine.Kernel == "" || r.Encryption.FSType == "" {
		t.Errorf("manifest %+v, encryption %+v, machine %+v", r.Manifest, r.Encryption, r.Machine)
	}
	states := map[string]string{}
	for _, l := range r.Leaks {
		states[l.Key] = l.State
	}
	for key, want := range map[string]string{"clipboard": proof.LeakAbsent, "core": proof.LeakOff, "administrator": proof.LeakOutside, "printers": proof.LeakAbsent} {
		if states[key] != want {
			t.Errorf("%s is %q, want %q", key, states[key], want)
		}
	}
}

// What was not tried, or went through, is no promise.
func TestReportTellsWhatFailed(t *testing.T) {
	for role, want := range map[string][]string{
		"open":      {proof.FailKakoiNetwork, proof.FailKakoiThreads, proof.FailMemory, proof.FailEngineThreads},
		"no-engine": {proof.FailEngine},
		"leaky": {
			proof.FailEngineNetwork, proof.FailEngineThreads, proof.FailEngineSockets, proof.FailMemory, proof.FailLibraries, proof.FailEngineFiles,
			proof.FailEngineSelftest, proof.FailEngineIdentity,
		},
	} {
		t.Run(role, func(t *testing.T) {
			r := collect(t, role)
			slices.Sort(r.Failed)
			slices.Sort(want)
			if r.OK || !slices.Equal(r.Failed, want) {
				t.Errorf("failed %v, want %v", r.Failed, want)
			}
		})
	}
}

// fonts is the folder of the program's fonts, as set-up leaves it.
func fonts(t *testing.T) string {
	t.Helper()
	return cmp.Or(os.Getenv("KAKOI_FONTS"), filepath.Join("..", "..", "bin", "fonts"))
}

// Every text is there in both languages, and a plain page is one page, however much went wrong.
func TestPDF(t *testing.T) {
	for _, role := range []string{"closed", "open", "leaky", "no-engine"} {
		r := collect(t, role)
		for _, lang := range []string{"ja", "en"} {
			missing := map[string]bool{}
			var out bytes.Buffer
			pages, err := proof.PlainPages(&out, r, fonts(t), lang, func(lang, key string, args ...any) string {
				text := resources.Format(lang, key, args...)
				if _, ok := resources.Text(lang, key); !ok || strings.Contains(text, "%!") {
					missing[lang+" "+key+": "+text] = true
				}
				return text
			})
			if err != nil || len(missing) > 0 {
				t.Fatalf("%s: %v, texts %v", role, err, missing)
			}
			if pages != 2 || !bytes.HasPrefix(out.Bytes(), []byte("%PDF-")) || out.Len() < 20_000 {
				t.Errorf("%s: plain pages %d, %d bytes", role, pages, out.Len())
			}
		}
	}
}

// A grant in /proc is the engine's own entry there, and no device.
func TestGrantsAreNamed(t *testing.T) {
	grants := map[landlock.Grant]string{
		{Path: "/lib", Access: landlock.AccessRun}:               "run",
		{Path: "/proc", Access: landlock.AccessRead}:             "read",
		{Path: "/runs", Access: landlock.AccessWrite}:            "write",
		{Path: "/dev/nvidia0", Access: landlock.AccessUse}:       "use",
		{Path: "/proc/self/task", Access: landlock.AccessUse}:    "own",
		{Path: "/proc/7/clear_refs", Access: landlock.AccessUse}: "own",
	}
	r := collect(t, "closed")
	for g, want := range grants {
		r.Engine.Proof.Files.Grants = []landlock.Grant{g}
		var asked []string
		_, err := proof.PlainPages(io.Discard, r, fonts(t), "en", func(lang, key string, args ...any) string {
			asked = append(asked, key)
			return resources.Format(lang, key, args...)
		})
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.Index(asked, "report.files.grants"); i < 0 || asked[i+1] != "report.access."+want {
			t.Errorf("%s of %s is not called %s", g.Access, g.Path, want)
		}
		for _, lang := range []string{"ja", "en"} {
			if _, ok := resources.Text(lang, "report.access."+want); !ok {
				t.Errorf("%s: no text for %s", lang, want)
			}
		}
	}
}

// The filter's instructions all have their meaning in the report.
func TestFilterIsExplained(t *testing.T) {
	r := collect(t, "closed")
	for _, lang := range []string{"ja", "en"} {
		for i := range r.Kakoi.Proof.Filter {
			if _, ok := resources.Text(lang, "report.filter."+strconv.Itoa(i)); !ok {
				t.Errorf("%s: no meaning for instruction %d", lang, i)
			}
		}
	}
}
