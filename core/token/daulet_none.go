//go:build !torch

package token

import (
	"fmt"

	"kakoi/core"
)

// FromJSONNative needs the native library, which this build is without: core.ErrNoDevice.
func FromJSONNative([]byte) (*Tokenizer, error) {
	return nil, fmt.Errorf("tokenizer.json of this kind in a build without the tag torch: %w", core.ErrNoDevice)
}
