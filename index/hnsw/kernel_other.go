//go:build !amd64

package hnsw

func machineKernels() []kernel { return nil }
