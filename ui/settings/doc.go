// Package settings is the screen of what a person can set, and of what the program says of itself: where the data lies, how
// the network is closed, the shortcuts, the licences. The model of the screen (model*.go) is plain Go; view*.go draw it.
package settings
