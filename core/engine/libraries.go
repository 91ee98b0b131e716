package engine

import (
	"os"
	"path/filepath"
	"strings"
)

// Reasons of ChooseLibraries: translation keys.
const (
	LibrariesCUDA     = "engine.libraries.cuda"        // a GPU with its driver, and the CUDA set: that one
	LibrariesNoGPU    = "engine.libraries.no_gpu"      // no NVIDIA device: the CPU set
	LibrariesNoDriver = "engine.libraries.no_driver"   // a device, but libcuda.so.1 is not found: the CPU set
	LibrariesNoSet    = "engine.libraries.no_cuda_set" // a GPU, but only the CPU set is installed
	LibrariesNone     = "engine.libraries.none"        // no folder holds libtorch: the loader's own search decides
)

// driverFolders are where Linux distributions, containers and WSL put libcuda.so.1.
var driverFolders = []string{
	"/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/usr/lib/wsl/lib",
	"/usr/local/nvidia/lib64", "/usr/local/cuda/compat", "/run/opengl-driver/lib", "/usr/lib/x86_64-linux-gnu/nvidia/current",
}

// ChooseLibraries picks the folder of libtorch for the engine process among dirs (first match of its kind): the CUDA
// set where a usable GPU is, the CPU set otherwise. It must happen before the engine starts, since a process keeps
// the libraries it first met. dir is empty where no folder holds libtorch; reason is one of the keys above.
func ChooseLibraries(dirs []string) (dir, reason string) {
	return chooseLibraries("/", filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")), dirs)
}

// chooseLibraries looks for devices and the driver under root.
func chooseLibraries(root string, driverToo, dirs []string) (dir, reason string) {
	var cpu, cuda string
	for _, d := range dirs {
		switch {
		case cuda == "" && exists(d, "libtorch_cuda.so"):
			cuda = d
		case cpu == "" && exists(d, "libtorch_cpu.so"):
			cpu = d
		}
	}
	if cpu == "" {
		cpu = cuda // the CUDA set computes on the CPU as well
	}
	device := exists(root, "dev/nvidiactl") || exists(root, "dev/dxg")
	driver := false
	for _, d := range driverFolders {
		driver = driver || exists(root, strings.TrimPrefix(d, "/"), "libcuda.so.1")
	}
	for _, d := range driverToo {
		driver = driver || d != "" && exists(d, "libcuda.so.1")
	}
	switch {
	case cpu == "":
		return "", LibrariesNone
	case !device:
		return cpu, LibrariesNoGPU
	case !driver:
		return cpu, LibrariesNoDriver
	case cuda == "":
		return cpu, LibrariesNoSet
	}
	return cuda, LibrariesCUDA
}

func exists(elem ...string) bool {
	_, err := os.Stat(filepath.Join(elem...))
	return err == nil
}
