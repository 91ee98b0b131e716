//go:build !linux

package ocr

import (
	"context"
	"fmt"

	"kakoi/core"
)

// Child does nothing: pictures are read on Linux only, where a foreign program can be closed in.
func Child([]string) (code int, ok bool) { return 0, false }

func (r Reader) run(context.Context, []byte, ...string) ([]byte, error) {
	return nil, fmt.Errorf("run tesseract: %w", core.ErrUnsupported)
}
