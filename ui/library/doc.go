// Package library is the Documents screen: the table of a collection's documents, adding by dropping, the pages of one document with its
// passages, linked folders, collections, what is unwell, and a test of the searches.
//
// The model files (model*.go) are plain Go: a model per section, each with what its section shows, already formatted. Their fields
// belong to the window's goroutine; work runs through host.Go and comes back through host.Post. The view files make widgets of
// them, and are told by model.changed what to show anew.
package library
