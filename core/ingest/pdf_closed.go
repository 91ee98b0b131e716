package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// PDFAttempt is one try to get at something from inside the PDF engine's WebAssembly, with what came of it.
type PDFAttempt struct {
	What    string `json:"what"` // "open etc/passwd"
	Refused bool   `json:"refused"`
	Error   string `json:"error"` // the refusal, as WASI names it; empty when it was not refused
}

// pdfFiles is the file system that PDFium's module is given: fonts to read, and nothing else.
func pdfFiles(fontsDir string) wazero.FSConfig {
	return wazero.NewFSConfig().WithFSMount(newFontsOnly(fontsDir), "/")
}

// TryPDFEngine puts a hostile module in PDFium's place, in the same enclosure, and has it try every call of WASI that reaches files and sockets:
// to open and list what is outside of the fonts, to write, make, move and remove, to go on by links and "..", to accept a connection. A module
// reaches nothing but what it imports, and PDFium's imports no other calls (WebAssembly Core Specification 2.0, section 4.5.4).
func TryPDFEngine(ctx context.Context, opt Options) ([]PDFAttempt, error) {
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		return nil, fmt.Errorf("try the pdf engine: %w", err)
	}
	m, err := r.InstantiateWithConfig(ctx, probeModule(), wazero.NewModuleConfig().
		WithStdout(io.Discard).WithStderr(io.Discard).WithFSConfig(pdfFiles(opt.FontsDir)).WithName(""))
	if err != nil {
		return nil, fmt.Errorf("try the pdf engine: %w", err)
	}
	p := &probe{ctx: ctx, m: m}
	p.run()
	return p.attempts, p.err
}

// Imports of the probe, with how many parameters they have and which of them are 64 bits wide (WASI snapshot preview 1).
var probeCalls = []struct {
	name   string
	params string // i: 32 bits, I: 64 bits
}{
	{"path_open", "iiiiiIIii"},
	{"path_filestat_get", "iiiii"},
	{"path_readlink", "iiiiii"},
	{"path_create_directory", "iii"},
	{"path_unlink_file", "iii"},
	{"path_remove_directory", "iii"},
	{"path_rename", "iiiiii"},
	{"path_symlink", "iiiii"},
	{"path_link", "iiiiiii"},
	{"path_filestat_set_times", "iiiiIIi"},
	{"fd_prestat_get", "ii"},
	{"fd_write", "iiii"},
	{"fd_close", "i"},
	{"sock_accept", "iii"},
	{"sock_recv", "iiiiii"},
	{"sock_send", "iiiii"},
}

// probeModule is a module that hands every call of probeCalls on under its own name, and has a page of memory.
func probeModule() []byte {
	section := func(id byte, items ...[]byte) []byte {
		body := grow(leb(0), items...)
		return append(append([]byte{id}, leb(uint32(len(body)))...), body...)
	}
	const typeI64 = 0x7e
	name := func(s string) []byte { return append(leb(uint32(len(s))), s...) }
	var types, imports, functions, exports, bodies [][]byte
	for i, c := range probeCalls {
		kind := append([]byte{0x60}, leb(uint32(len(c.params)))...)
		code := []byte{0} // no locals
		for at, p := range c.params {
			if p == 'I' {
				kind = append(kind, typeI64)
			} else {
				kind = append(kind, typeI32)
			}
			code = append(code, opGet, byte(at))
		}
		types = append(types, append(kind, 1, typeI32))
		imports = append(imports, append(append(name("wasi_snapshot_preview1"), name(c.name)...), append([]byte{0}, leb(uint32(i))...)...))
		functions = append(functions, leb(uint32(i)))
		exports = append(exports, append(append(name(c.name), 0), leb(uint32(len(probeCalls)+i))...))
		code = append(append(append(code, opCall), leb(uint32(i))...), opEnd)
		bodies = append(bodies, append(leb(uint32(len(code))), code...))
	}
	exports = append(exports, append(name("memory"), 2, 0))
	const sectionMemory = 5
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range [][]byte{
		section(sectionType, types...), section(sectionImport, imports...), section(sectionFunction, functions...),
		section(sectionMemory, []byte{0, 1}), section(sectionExport, exports...), section(sectionCode, bodies...),
	} {
		out = append(out, s...)
	}
	return out
}

// probe makes the calls.
type probe struct {
	ctx      context.Context
	m        api.Module
	attempts []PDFAttempt
	err      error
}

const (
	wasiSuccess = 0
	pathAt      = 1024 // in the module's memory: the first path
	otherAt     = 2048 // the second
	outAt       = 4096 // results
	firstFD     = 3    // of the only folder that is open at the start
	followLinks = 1
	create      = 1 // oflags
	listing     = 2
	wantRead    = 1 << 1 // rights: fd_read
	wantWrite   = 1 << 6 // fd_write
)

// call makes one call and gives WASI's number.
func (p *probe) call(name string, args ...uint64) uint32 {
	out, err := p.m.ExportedFunction(name).Call(p.ctx, args...)
	if err != nil {
		p.err = errors.Join(p.err, fmt.Errorf("%s: %w", name, err))
		return ^uint32(0)
	}
	return uint32(out[0])
}

// put writes a path into the module's memory.
func (p *probe) put(at uint32, path string) (where, length uint64) {
	if !p.m.Memory().Write(at, []byte(path)) {
		p.err = errors.Join(p.err, fmt.Errorf("path %q does not fit: %w", path, errModule))
	}
	return uint64(at), uint64(len(path))
}

func (p *probe) tell(what string, errno uint32) {
	a := PDFAttempt{What: what}
	if errno != wasiSuccess {
		a.Refused, a.Error = true, wasiName(errno)
	}
	p.attempts = append(p.attempts, a)
}

// wasiName is the name of an error number (WASI snapshot preview 1, errno).
func wasiName(errno uint32) string {
	names := map[uint32]string{
		2: "EACCES", 8: "EBADF", 20: "EEXIST", 28: "EINVAL", 31: "EISDIR", 32: "ELOOP", 44: "ENOENT", 52: "ENOSYS", 54: "ENOTDIR", 55: "ENOTEMPTY",
		57: "ENOTSOCK", 58: "ENOTSUP", 63: "EPERM", 69: "EROFS", 76: "ENOTCAPABLE",
	}
	if name, ok := names[errno]; ok {
		return name
	}
	return fmt.Sprintf("errno %d", errno)
}

// outside are names of what a hostile module would want: of this machine, by ways around, of the process.
var outside = []string{
	"etc/passwd", "etc", "home", "root", "tmp", "proc/self/environ", "proc/self/mem", "dev/null",
	"../etc/passwd", "usr/share/fonts/../../../etc/passwd", "usr/share/fonts/../../../../../../etc/passwd", "/etc/passwd", "usr/share/doc", "usr/lib",
}

func (p *probe) run() {
	for _, path := range outside {
		at, n := p.put(pathAt, path)
		for _, way := range []struct {
			what   string
			oflags uint64
		}{{"open ", 0}, {"list ", listing}} {
			p.tell(way.what+path, p.call("path_open", firstFD, followLinks, at, n, way.oflags, wantRead, wantRead, 0, outAt))
		}
		p.tell("look at "+path, p.call("path_filestat_get", firstFD, followLinks, at, n, outAt))
		p.tell("read link "+path, p.call("path_readlink", firstFD, at, n, outAt, 1024, outAt+1024))
	}
	for _, path := range []string{"new", "tmp/new", "usr/share/fonts/new", "usr/new"} {
		at, n := p.put(pathAt, path)
		p.tell("make file "+path, p.call("path_open", firstFD, 0, at, n, create, wantWrite, wantWrite, 0, outAt))
		folder, m := p.put(otherAt, path+"-folder")
		p.tell("make folder "+path, p.call("path_create_directory", firstFD, folder, m))
		p.tell("make link "+path, p.symlink("etc/passwd", path+"-link"))
	}
	p.fonts()
	for _, path := range []string{"usr/share/fonts", "usr", "etc/passwd"} {
		at, n := p.put(pathAt, path)
		p.tell("set times "+path, p.call("path_filestat_set_times", firstFD, 0, at, n, 0, 0, 1|4))
		to, m := p.put(otherAt, "linked")
		p.tell("hard link "+path, p.call("path_link", firstFD, 0, at, n, firstFD, to, m))
		to, m = p.put(otherAt, "moved-"+strings.ReplaceAll(path, "/", "-"))
		p.tell("move "+path, p.call("path_rename", firstFD, at, n, firstFD, to, m))
		p.tell("remove "+path, p.call("path_unlink_file", firstFD, at, n))
		p.tell("remove folder "+path, p.call("path_remove_directory", firstFD, at, n))
	}
	for fd := uint64(firstFD + 1); fd < 16; fd++ {
		p.tell(fmt.Sprintf("a second open folder, descriptor %d", fd), p.call("fd_prestat_get", fd, outAt))
	}
	for fd := range uint64(8) {
		p.tell(fmt.Sprintf("accept a connection on descriptor %d", fd), p.call("sock_accept", fd, 0, outAt))
		p.tell(fmt.Sprintf("receive from descriptor %d", fd), p.call("sock_recv", fd, outAt, 1, 0, outAt+64, outAt+72))
		p.tell(fmt.Sprintf("send to descriptor %d", fd), p.call("sock_send", fd, outAt, 1, 0, outAt+64))
	}
}

func (p *probe) symlink(target, path string) uint32 {
	from, n := p.put(otherAt, target)
	at, m := p.put(pathAt, path)
	return p.call("path_symlink", from, n, firstFD, at, m)
}

// fonts opens the folder of fonts, which is allowed, and tries to write and to climb from there.
func (p *probe) fonts() {
	at, n := p.put(pathAt, fontsPath)
	if p.call("path_open", firstFD, 0, at, n, listing, wantRead, wantRead, 0, outAt) != wasiSuccess {
		return // no fonts on this machine
	}
	raw, _ := p.m.Memory().Read(outAt, 4)
	fd := uint64(binary.LittleEndian.Uint32(raw))
	for _, path := range []string{"..", "../..", strings.Repeat("../", 9) + "etc/passwd", "/etc/passwd"} {
		at, n := p.put(pathAt, path)
		p.tell("from the fonts, open "+path, p.call("path_open", fd, followLinks, at, n, 0, wantRead, wantRead, 0, outAt+8))
	}
	at, n = p.put(pathAt, "new")
	p.tell("from the fonts, make file new", p.call("path_open", fd, 0, at, n, create, wantWrite, wantWrite, 0, outAt+8))
	p.call("fd_close", fd)
}
