//go:build torch

package cuda

// GPU is the driver and the compiled kernels for one device, in the primary context, which libtorch uses too.
type GPU struct {
	index   int
	name    string
	arch    int // 90 for compute capability 9.0
	sms     int
	shared  int // bytes of shared memory that a block may ask for
	context uintptr
	modules []uintptr
	funcs   map[string]uintptr
}

// Options of Open.
type Options struct {
	Index   int      // of the device
	Cache   string   // folder for compiled kernels; made if missing; "" keeps none
	Folders []string // where libnvrtc.so.* is looked for before the system's own folders: beside libtorch, say
}

// Open makes the kernels ready on a device: it loads the driver and NVRTC, and compiles what the cache does not hold.
// It is called on the device's thread, after torch.CUDA. core.ErrNoDevice: no driver, no device, or no NVRTC.
func Open(o Options) (*GPU, error) { return nil, errTodo }

// Close unloads the kernels.
func (g *GPU) Close() error { return nil }

// Name is the device's name; Arch its compute capability (90 for 9.0); SMs its multiprocessors.
func (g *GPU) Name() string { return g.name }

// Arch is the compute capability, 90 for 9.0.
func (g *GPU) Arch() int { return g.arch }

// SMs is the number of multiprocessors.
func (g *GPU) SMs() int { return g.sms }
