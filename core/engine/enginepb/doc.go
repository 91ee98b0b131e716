// Package enginepb is the generated schema between the engine's client (core/engine) and its service
// (core/engine/server). Nobody else imports it.
//
// To generate it again: protoc 3.21 or newer, protoc-gen-go v1.36.12 and protoc-gen-go-grpc v1.6.2 in PATH, then
// `go generate ./core/engine/enginepb`.
package enginepb

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative engine.proto
