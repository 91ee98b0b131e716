//go:build torch

package cuda

// #include <stdlib.h>
// #include "driver.h"
import "C"

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"kakoi/core"
	"kakoi/core/quant"
)

var (
	//go:embed common.cu
	commonSource string
	//go:embed quantize.cu
	quantizeSource string
	//go:embed prefill.cu
	prefillSource string
	//go:embed ring.cu
	ringSource string
	//go:embed stage.cu
	stageSource string
	//go:embed attention.cu
	attentionSource string
	//go:embed sample.cu
	sampleSource string
	//go:embed decode.cu
	decodeSource string
)

// baseSource is the module that does not depend on a model's shape.
func baseSource() string {
	return commonSource + dynamicMap() + quantizeSource + prefillSource
}

// stepSource is the module of the decode step; its options hold the shape.
func stepSource() string {
	return commonSource + ringSource + stageSource + attentionSource + sampleSource + decodeSource
}

// dynamicMap is the table of the double quantisation as source text, in hexadecimal so that no digit is lost.
func dynamicMap() string {
	var b strings.Builder
	b.WriteString("__constant__ float dynamic_map[256] = {")
	for _, v := range quant.DynamicMap {
		fmt.Fprintf(&b, "%xf,", v)
	}
	b.WriteString("};\n")
	return b.String()
}

var baseKernels = []string{
	"quantize_bf16", "quantize_f16", "quantize_f32", "absmax_sum", "absmax_nest", "scale_top", "place_codes", "dequantize",
	"embed", "layer_norm", "bias_act", "bias_residual", "add_norm", "rotary_kv", "rotary_kv8", "mark", "copy_words",
}

func (g *GPU) loadBase() error {
	m, err := g.module("base", baseSource(), nil)
	if err != nil {
		return err
	}
	g.modules = append(g.modules, m)
	for _, name := range baseKernels {
		if g.base[name], err = function(m, name); err != nil {
			return err
		}
	}
	return nil
}

func function(m C.kg_handle, name string) (C.kg_handle, error) {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	var f C.kg_handle
	return f, check("kernel "+name, C.kg_function(m, cname, &f))
}

// module loads a source's kernels, from the cache or compiled.
func (g *GPU) module(name, source string, options []string) (C.kg_handle, error) {
	path := ""
	if g.cache != "" {
		path = filepath.Join(g.cache, cubinName(name, source, g.target, options))
		if m, err := g.loadFile(path); err == nil {
			return m, nil
		}
	}
	if g.Compiling != nil {
		g.Compiling()
	}
	cubin, err := compile(name, source, g.target, options)
	if err != nil {
		return nil, err
	}
	m, err := g.load(cubin)
	if err != nil {
		return nil, fmt.Errorf("kernels %s: %w", name, err)
	}
	if path != "" {
		_ = keep(path, cubin) // a folder that cannot be written costs the next start its time, no more
	}
	return m, nil
}

func (g *GPU) load(cubin []byte) (C.kg_handle, error) {
	image := C.CBytes(cubin)
	defer C.free(image)
	var m C.kg_handle
	return m, check("load kernels", C.kg_module(image, &m))
}

// A kept file ends with the sha256 of what comes before, so that a torn or changed file is noticed and made anew.
func (g *GPU) loadFile(path string) (C.kg_handle, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	cubin, ok := opened(b)
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, core.ErrCorrupt)
	}
	return g.load(cubin)
}

func opened(b []byte) ([]byte, bool) {
	n := len(b) - sha256.Size
	if n <= 0 {
		return nil, false
	}
	sum := sha256.Sum256(b[:n])
	return b[:n], bytes.Equal(sum[:], b[n:])
}

// keep writes a file under a temporary name first.
func keep(path string, cubin []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(cubin)
	_, err = f.Write(append(cubin[:len(cubin):len(cubin)], sum[:]...))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// cubinName depends on all that the result depends on.
func cubinName(name, source, target string, options []string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%q\n%s", target, int(C.kg_nvrtc_version()), options, source)
	return fmt.Sprintf("%s-%s-%s.cubin", name, target, hex.EncodeToString(h.Sum(nil)[:16]))
}

// target is an architecture as compile wants it.
func target(arch int) string { return fmt.Sprintf("sm_%d", arch) }

// compile makes a cubin for a target ("sm_90"), or PTX for a virtual one ("compute_75"); it needs no GPU.
func compile(name, source, target string, options []string) ([]byte, error) {
	if C.kg_has_nvrtc() == 0 {
		return nil, fmt.Errorf("compile kernels: %w: NVRTC (libnvrtc.so) was not found", core.ErrNoDevice)
	}
	all := append([]string{"--gpu-architecture=" + target, "--std=c++17"}, options...)
	list := make([]*C.char, len(all))
	for i, o := range all {
		list[i] = C.CString(o)
		defer C.free(unsafe.Pointer(list[i]))
	}
	csource, cname := C.CString(source), C.CString(name+".cu")
	defer C.free(unsafe.Pointer(csource))
	defer C.free(unsafe.Pointer(cname))
	coptions := C.calloc(C.size_t(len(all)), C.size_t(unsafe.Sizeof(uintptr(0))))
	defer C.free(coptions)
	copy(unsafe.Slice((**C.char)(coptions), len(all)), list)
	var cubin, log *C.char
	var size C.size_t
	e := C.kg_compile(csource, cname, C.int(len(all)), (**C.char)(coptions), &cubin, &size, &log)
	defer C.free(unsafe.Pointer(cubin))
	defer C.free(unsafe.Pointer(log))
	if e != 0 {
		return nil, fmt.Errorf("compile kernels %s for %s: NVRTC error %d\n%s", name, target, int(e), C.GoString(log))
	}
	return C.GoBytes(unsafe.Pointer(cubin), C.int(size)), nil
}
