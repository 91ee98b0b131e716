package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core/closed/landlock"
)

// Places are the folders that an engine process works with.
type Places struct {
	Program   string   // kakoi-engine
	Libraries string   // folder of libtorch; "": the loader's own search
	Read      []string // folders of models and adapters that nobody changes
	Write     []string // folders of models (a 4-bit form is kept in them) and runs
	Own       string   // a folder for nothing but the engine: temporary files and compiled kernels
	GPU       bool     // an NVIDIA device may be used
}

// Folders of the system. Some drivers and distributions keep theirs elsewhere: what is not there is left out of the rules.
var (
	systemLibraries = []string{
		"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/nix/store", "/gnu/store", "/run/opengl-driver/lib",
	}
	systemFiles = []string{
		"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/usr/share/zoneinfo",
		"/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/proc/filesystems", "/proc/version",
		"/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage", "/dev/urandom", "/dev/random",
	}
	systemDevices = []string{"/dev/null", "/dev/zero"}

	// CUDA's driver looks at the bus, at other modules and at its own folder in /proc, whose names differ between drivers.
	gpuFiles   = []string{"/proc", "/sys", "/etc/nvidia", "/usr/share/nvidia", "/etc/cufile.json", "/run/nvidia-persistenced"}
	gpuRun     = []string{"/usr/local/nvidia", "/usr/local/cuda", "/opt/cuda", "/usr/bin/nvidia-modprobe"}
	gpuWrite   = []string{"/dev/shm", "/tmp/nvidia-mps"}
	gpuDevices = []string{"/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset", "/dev/nvidia-caps", "/dev/nvidia-caps-imex-channels", "/dev/nvidiactl", "/dev/dxg", "/dev/dri"}

	// The driver names its threads by /proc/self/task/THREAD/comm since version 570; without, cuInit answers 304. Of the engine alone: the child that becomes it opens the path.
	gpuOwn = []string{"/proc/self/task"}
)

// FilesOf are the Landlock rules of an engine process: its program, libraries, models, runs and its own folder, and the devices it needs.
// Documents and the library of documents are not among them.
func FilesOf(p Places) landlock.Rules {
	var r landlock.Rules
	r.Run = append(r.Run, real(p.Program)...)
	r.Run = append(r.Run, linked(p.Libraries, 1)...)
	for _, dir := range filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")) {
		if filepath.IsAbs(dir) && filepath.Clean(dir) != "/" {
			r.Run = append(r.Run, linked(dir, 1)...)
		}
	}
	r.Run = append(r.Run, systemLibraries...)
	if exists(p.Libraries, "libtorch_cuda.so") { // where this libtorch's own RPATH leads, also when it computes on the CPU
		for _, dir := range real(p.Libraries) {
			r.Run = append(r.Run, filepath.Join(dir, "..", "..", "nvidia"))
		}
	}
	r.Read = slices.Clone(systemFiles)
	for _, dir := range p.Read {
		r.Read = append(r.Read, linked(dir, 2)...)
	}
	r.Write = append(slices.Clone(p.Write), p.Own)
	r.Use = slices.Clone(systemDevices)
	if p.GPU {
		r.Read = append(r.Read, gpuFiles...)
		r.Run = append(r.Run, gpuRun...)
		r.Run = append(r.Run, driverFolders...)
		r.Write = append(r.Write, gpuWrite...)
		r.Use = append(append(r.Use, gpuDevices...), gpuOwn...)
		cards, _ := filepath.Glob("/dev/nvidia[0-9]*") // the pattern is sound
		r.Use = append(r.Use, cards...)
	}
	for _, list := range []*[]string{&r.Run, &r.Read, &r.Write, &r.Use} {
		*list = tidy(*list)
	}
	return r
}

// Environment of an engine that may write in its own folder only: temporary files, and what CUDA and the kernels keep.
func (p Places) Environment() []string {
	if p.Own == "" {
		return nil
	}
	return []string{"TMPDIR=" + p.Own, "XDG_CACHE_HOME=" + p.Own, "CUDA_CACHE_PATH=" + filepath.Join(p.Own, "nv")}
}

// real is a path as it is and where its links lead: Landlock's rules are for files, whatever name leads to them.
func real(path string) []string {
	if path == "" {
		return nil
	}
	out := []string{path}
	if to, err := filepath.EvalSymlinks(path); err == nil && to != path {
		out = append(out, to)
	}
	return out
}

// linked is a folder, and what the links in it lead to; depth 2 looks into its folders, too.
func linked(dir string, depth int) []string {
	out := real(dir)
	if depth == 0 || dir == "" {
		return out
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return out
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.Type()&os.ModeSymlink != 0:
			out = append(out, real(path)[1:]...)
			if to, err := os.Stat(path); err == nil && to.IsDir() {
				out = append(out, linked(path, depth-1)...)
			}
		case e.IsDir():
			out = append(out, linked(path, depth-1)...)
		}
	}
	return out
}

// tidy leaves out what is empty or lies below another.
func tidy(paths []string) []string {
	clean := []string{}
	for _, p := range paths {
		if p != "" && filepath.IsAbs(p) {
			clean = append(clean, filepath.Clean(p))
		}
	}
	slices.Sort(clean)
	clean = slices.Compact(clean)
	out := []string{}
	for _, p := range clean {
		if !slices.ContainsFunc(out, func(q string) bool { return strings.HasPrefix(p, strings.TrimSuffix(q, "/")+"/") }) {
			out = append(out, p)
		}
	}
	return out
}
