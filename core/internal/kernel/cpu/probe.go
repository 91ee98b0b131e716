//go:build torch

package cpu

// #include "probe.h"
import "C"

// poolProbe runs runs tasks of phases phases and returns what they counted: runs * phases * threads^2.
func poolProbe(p *Pool, runs, phases int) int64 {
	return int64(C.kc_pool_probe(p.c, C.int(runs), C.int(phases)))
}
