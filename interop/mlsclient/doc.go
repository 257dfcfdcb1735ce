// Package mlsclient is an MLS client under remote control, for interop tests: New makes it and Serve lets runners call
// it by the gRPC service of package clientpb. Behind each call is the transition of package mls with the same name, and
// the handlers only translate.
//
// It is for tests and nothing else. It hands out private keys, takes every credential for good, and whoever can connect
// to it can use every state.
package mlsclient
