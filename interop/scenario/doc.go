// Package scenario plays the interop scripts of the MLS working group with clients that offer the gRPC service of package
// clientpb. Call Load for the scripts, Connect for each client, and Run:
//
//	scripts, err := scenario.Load(folder)
//	client, err := scenario.Connect(ctx, "localhost:50051", time.Minute)
//	report, err := scenario.Run(ctx, scenario.Params{Scripts: scripts, Clients: []*scenario.Client{client}})
//	err = report.WriteText(os.Stdout)
//
// Run plays every script with every assignment of clients to actors, in every cipher suite, with handshake messages public
// and private.
//
// After each step the members of the newest epoch have to agree: on the epoch authenticator, on an exported secret, and
// whenever the epoch is new, on a message that one of them sends to all others.
package scenario
