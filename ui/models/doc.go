// Package models is the screen of the chat models and embedders: what there is, what is in use, import of a folder, check,
// speed, removal, and packs that go out and come in. The model of the screen (model*.go) is plain Go; view*.go draw it.
package models
