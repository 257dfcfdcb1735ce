package scenario

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
)

// maxMessage is the largest gRPC message that is read and sent, in bytes.
const maxMessage = 64 << 20

// Client is an MLS client that takes calls.
type Client struct {
	Address string
	Name    string   // what it calls itself
	Suites  []uint16 // ascending

	conn *grpc.ClientConn
	rpc  clientpb.MLSClientClient
}

// greeting bounds how long a client may take to start.
const greeting = 10 * time.Second

// Connect finds a client at host:port, waiting for it to start if need be, and asks for its name and cipher suites.
func Connect(ctx context.Context, address string, timeout time.Duration) (*Client, error) {
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		return nil, fmt.Errorf("client %s: %w", address, err)
	}
	c := &Client{Address: address, conn: conn, rpc: clientpb.NewMLSClientClient(conn)}
	if err := c.greet(ctx, timeout); err != nil {
		c.Close()
		return nil, fmt.Errorf("client %s: %w", address, err)
	}
	return c, nil
}

func (c *Client) greet(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, min(timeout, greeting))
	defer cancel()
	name, err := c.rpc.Name(ctx, new(clientpb.NameRequest), grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	suites, err := c.rpc.SupportedCiphersuites(ctx, new(clientpb.SupportedCiphersuitesRequest))
	if err != nil {
		return err
	}
	c.Name = name.Name
	for _, suite := range suites.Ciphersuites {
		if suite > 0xffff {
			return fmt.Errorf("%d is not a cipher suite", suite)
		}
		c.Suites = append(c.Suites, uint16(suite))
	}
	slices.Sort(c.Suites)
	c.Suites = slices.Compact(c.Suites)
	return nil
}

// Close ends the connection.
func (c *Client) Close() {
	_ = c.conn.Close() // nothing is on its way any more
}

func (c *Client) supports(suite uint16) bool {
	_, found := slices.BinarySearch(c.Suites, suite)
	return found
}
