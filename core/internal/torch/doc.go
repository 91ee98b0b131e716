// Package torch is Tensor and Scope over libtorch: the only importer of gotch (its low-level part,
// libtch) and of our own small C++ shim.
//
// # Ownership
//
// A Tensor is a handle: a value, cheap to copy, zero for "none". It belongs to the Scope whose method
// made it and is freed when that Scope closes, newest first. Scope.In opens a Scope within a Scope and
// lifts one result out of it; Scope.Keep moves a Tensor to an Owner, which frees it in Owner.Close.
// There are no finalizers. Live counts the handles that exist, so a test can prove that none is lost.
//
// # Errors
//
// A Scope carries the first error of its operations; later operations do nothing and return the zero
// Tensor. So maths reads as maths, and Scope.Err is asked once at the end. Texts of libtorch that mean
// "out of memory" become core.ErrOutOfMemory.
//
// # Threads
//
// Errors, grad mode and the thread count of libtorch belong to an OS thread: everything here is called
// from the goroutine of a device.Device, which is locked to its thread.
//
// Without the build tag "torch" the package is empty.
package torch
