package index

import "kakoi/core"

// Halves is a vector as it lies in the files.
func Halves(v core.Vector) []byte {
	b, _ := toHalf(nil, v)
	return b
}

// GraphFrom sets the number of chunks from which a graph is used; the returned function takes it back.
func GraphFrom(n int) (back func()) {
	before := graphFrom
	graphFrom = n
	return func() { graphFrom = before }
}
