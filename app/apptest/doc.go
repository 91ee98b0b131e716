// Package apptest has small models that really work, for tests without the engine process: an embedder that hashes character
// n-grams, and a generator that answers with the sentence of the prompt's passages that shares most with the question.
package apptest
