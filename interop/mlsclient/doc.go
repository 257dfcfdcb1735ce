// Package mlsclient is an MLS client that test runners control over gRPC. Call New and then Serve:
//
//	err := mlsclient.New(nil).Serve(ctx, listener)
//
// The service is that of package clientpb. Behind each call is the transition of package mls with the same name, and the
// handlers only translate. Use it for tests only: it returns private keys, accepts every credential, and anyone who can
// connect can use every state.
package mlsclient
