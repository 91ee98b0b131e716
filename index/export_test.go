package index

import "kakoi/core"

// Halves is a vector as it lies in the files.
func Halves(v core.Vector) []byte {
	b, _ := toHalf(nil, v)
	return b
}
