package ingest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

func TestPDFEngineReachesNothing(t *testing.T) {
	attempts, err := TryPDFEngine(t.Context(), Options{FontsDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if len(attempts) < 100 {
		t.Errorf("%d attempts", len(attempts))
	}
	for _, a := range attempts {
		if !a.Refused || a.Error == "" {
			t.Errorf("%s was not refused", a.What)
		}
	}
	if !slices.ContainsFunc(attempts, func(a PDFAttempt) bool { return strings.HasPrefix(a.What, "from the fonts") }) {
		t.Error("the fonts could not be listed: nothing was tried from there")
	}
}

// The probe gets through where the enclosure is open: it is no module that fails always.
func TestPDFProbeOpensWhereItMay(t *testing.T) {
	ctx := t.Context()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, sub := range []string{"etc", "tmp", "home", "usr/share/fonts", "usr/lib"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := r.InstantiateWithConfig(ctx, probeModule(), wazero.NewModuleConfig().WithFSConfig(wazero.NewFSConfig().WithDirMount(dir, "/")))
	if err != nil {
		t.Fatal(err)
	}
	p := &probe{ctx: ctx, m: m}
	p.run()
	if p.err != nil {
		t.Fatal(p.err)
	}
	for _, want := range []string{
		"open etc/passwd", "list etc", "list home", "list usr/lib", "look at etc/passwd", "look at tmp", "make file new", "make folder tmp/new", "make link usr/new", "read link etc/passwd",
		"set times etc/passwd", "hard link etc/passwd", "move etc/passwd", "from the fonts, make file new", "open usr/share/fonts/../../../etc/passwd",
	} {
		// A link is read only where there is one.
		i := slices.IndexFunc(p.attempts, func(a PDFAttempt) bool { return a.What == want })
		if i < 0 || p.attempts[i].Refused != (want == "read link etc/passwd") {
			t.Errorf("%s: %+v", want, p.attempts[max(i, 0)])
		}
	}
}

// PDFium's module imports nothing that the probe leaves out, but calls that reach neither files nor sockets.
func TestProbeKnowsPDFiumsImports(t *testing.T) {
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer r.Close(t.Context())
	tried := map[string]bool{}
	for _, c := range probeCalls {
		tried[c.name] = true
	}
	// Clock, random numbers, arguments, and what works on descriptors that are open already.
	harmless := map[string]bool{
		"clock_time_get": true, "random_get": true, "environ_get": true, "environ_sizes_get": true, "args_get": true, "args_sizes_get": true, "proc_exit": true,
		"fd_read": true, "fd_seek": true, "fd_sync": true, "fd_fdstat_get": true, "fd_fdstat_set_flags": true, "fd_pread": true, "fd_pwrite": true, "fd_readdir": true,
		"fd_filestat_get": true, "fd_filestat_set_size": true, "fd_filestat_set_times": true, "fd_prestat_dir_name": true, "fd_tell": true, "sched_yield": true, "poll_oneoff": true,
	}
	names := importsOf(t, pdfiumWasm)
	if len(names) == 0 {
		t.Fatal("no imports found")
	}
	for _, name := range names {
		if module, call, _ := strings.Cut(name, "."); module == "wasi_snapshot_preview1" && !tried[call] && !harmless[call] {
			t.Errorf("PDFium imports %s, which is not tried", name)
		}
		if strings.Contains(name, "sock") && !tried[strings.TrimPrefix(name, "wasi_snapshot_preview1.")] || strings.Contains(name, "__syscall_connect") || strings.Contains(name, "__syscall_openat") {
			t.Errorf("PDFium imports %s", name)
		}
	}
}

// importsOf lists the imported functions as module.name.
func importsOf(t *testing.T, module []byte) []string {
	t.Helper()
	m, err := parseModule(module)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range m.sections {
		if s.id != sectionImport {
			continue
		}
		c := &cursor{data: s.body}
		for n := c.number(); n > 0 && !c.bad; n-- {
			from, name := string(c.take(c.number())), string(c.take(c.number()))
			switch c.byte() {
			case 0:
				c.number()
				names = append(names, from+"."+name)
			default:
				t.Fatalf("%s.%s is no function", from, name)
			}
		}
	}
	return names
}
