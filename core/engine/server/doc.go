// Package server is the service of the engine process: it holds the loaded models and answers one client over one
// connection. It knows models only through [Loaders] and the interfaces of package core, so it builds and tests
// without libtorch; cmd/kakoi-engine hands the native loaders in.
package server
