// Package torchtest helps tests that use package torch. Without the build tag "torch" it is empty.
package torchtest
