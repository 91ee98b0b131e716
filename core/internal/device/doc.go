// Package device is one OS-locked goroutine per device, since libtorch's errors, grad mode, thread count
// and CUDA context belong to an OS thread. All libtorch work of a process goes through Device.Do, piece
// by piece: a long job calls it once per prefill chunk, token or batch, so others get their turn.
//
// Without the build tag "torch" the package is empty.
package device
