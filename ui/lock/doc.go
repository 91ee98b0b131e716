// Package lock is what the window shows of a library that a passphrase keeps: that it is locked, one field, and nothing of what is in
// it. The model (model.go) is plain Go; view.go draws it.
package lock
