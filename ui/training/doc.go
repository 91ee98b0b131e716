// Package training is the screen that makes a better adapter out of documents: questions, settings, run, exam, adoption, one step
// each, or all of them by one button. The model of the screen (model*.go) is plain Go; view*.go draw it.
//
// What a person sees is the state of records: a dataset, a run, an exam. The screen only remembers which ones it shows, so that it
// stands where it was after the window, the engine or the computer was closed.
package training
