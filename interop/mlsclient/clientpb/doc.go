// Package clientpb is the gRPC service by which a test runner drives an MLS client: NewMLSClientClient calls one, and
// package mlsclient is one. Its code is generated from mls_client.proto; after a change there, run go generate.
package clientpb

//go:generate go run -C ../../../tools ./protogen ../interop/mlsclient/clientpb mls_client.proto
