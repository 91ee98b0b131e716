package neox

import (
	"fmt"

	"kakoi/core"
)

// What a process has before it loads anything, as measured (kakoi-engine bench memory prints it): the program, libtorch's own data, the
// tokenizer, threads' stacks; on a GPU CUDA's context and the libraries' kernels there.
const (
	processCPU  = 60 << 20
	processCUDA = 600 << 20
	kernelsHalf = 12 << 20
)

func (p *Plan) process(cuda bool) {
	if cuda {
		p.add("process", BufferProcess, processCUDA, Always|Training)
		return
	}
	p.add("process", BufferProcess, processCPU, Always|Training)
}

func badDType(name string) error {
	return fmt.Errorf("dtype %q: %w (auto, nf4, fp32, bf16, fp16)", name, core.ErrUsage)
}
