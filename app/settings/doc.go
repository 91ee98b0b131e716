// Package settings holds what a person can set: one JSON file of the data folder, with a version and
// checked values. It is a file and not a record of the library, so that the models can be loaded while the library
// is still opening.
package settings
