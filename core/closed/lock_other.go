//go:build !linux || !amd64

package closed

import (
	"fmt"
	"runtime"
	"time"

	"kakoi/core"
)

// Lock has no filter for this system: the program must not start.
func Lock() (Proof, error) {
	closeHTTP()
	p := Proof{When: time.Now(), Attempts: []Attempt{attempt("HTTP GET through Go's default client", tryHTTP())}}
	err := fmt.Errorf("seccomp filter for %s/%s: %w", runtime.GOOS, runtime.GOARCH, core.ErrUnsupported)
	return p, core.Explain(err, "error.closed.seccomp")
}

// Again has nothing to try here.
func (p Proof) Again() (Proof, error) {
	return p, core.Explain(fmt.Errorf("try again on %s: %w", runtime.GOOS, core.ErrUnsupported), "error.closed.seccomp")
}
