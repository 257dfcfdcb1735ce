// Package scenario plays the interop scripts of the MLS working group: Load reads them, Connect finds the clients that
// offer the gRPC service of package clientpb, and Run plays every script with every assignment of clients to actors, in
// every cipher suite, with handshake messages public and private.
//
// After each step the members of the newest epoch have to agree: on the epoch authenticator, on an exported secret, and
// whenever the epoch is new, on a message that one of them sends to all others.
package scenario
