//go:build torch

package cuda_test

import (
	"errors"
	"flag"
	"runtime"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/kernel/cuda"
)

var (
	nvrtcFolders = flag.String("nvrtc", "", "folders that hold libnvrtc, with commas between")
	cubins       = flag.String("cubins", "", "folder for compiled kernels")
	tables       = flag.Bool("tables", false, "print the tables of figures")
	variants     = flag.Bool("variants", false, "figures of kernels that leave something out, too")
	narrow       = flag.Bool("narrow", false, "leave the wide shape out of the self-test")
	as           = flag.Int("as", 0, "run the kernels of this lesser compute capability, as in 75")
	shared       = flag.Int("shared", 0, "of as many bytes of shared memory per block, as in 65536")
	training     = flag.Bool("training", false, "the kernels of a training step only")
	checks       = flag.Bool("checks", true, "run the self-test")
)

// On a machine with a GPU this is the whole self-test; on one without, the error has to say so.
func TestDevice(t *testing.T) {
	runtime.LockOSThread() // the device's context belongs to it
	g, err := cuda.Open(cuda.Options{Cache: *cubins, Folders: strings.Split(*nvrtcFolders, ","), As: *as, Shared: *shared})
	if err != nil {
		if !errors.Is(err, core.ErrNoDevice) {
			t.Fatal(err)
		}
		return
	}
	defer g.Close()
	n := 0
	if *checks {
		test := g.Selftest
		if *narrow {
			test = g.SelftestNarrow
		}
		if *training {
			test = g.SelftestTraining
		}
		if testing.Short() {
			test = g.SelftestSmall
		}
		err = test(func(name string, ok bool, detail string) {
			n++
			if !ok {
				t.Errorf("%s: %s", name, detail)
				return
			}
			t.Logf("%s: %s", name, detail)
		})
		if err != nil || n == 0 {
			t.Errorf("%d checks: %v", n, err)
		}
	}
	if *tables {
		if err := g.Bench(cuda.Reference4B, *variants, t.Logf); err != nil {
			t.Error(err)
		}
	}
}
