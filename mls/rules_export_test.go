package mls_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/internal/inside"
	"github.com/copse-mls/copse/mls/mlstest"
)

// outage is a source that fails after a number of bytes.
type outage struct {
	left int
	from io.Reader
	err  error
}

func (o *outage) Read(p []byte) (int, error) {
	if o.left == 0 {
		return 0, o.err
	}
	n, err := o.from.Read(p[:min(len(p), o.left)])
	o.left -= n
	return n, err
}

// nothing is a source of zeros.
type nothing struct{}

func (nothing) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// starved makes a call with sources that fail: at once, and after ever more bytes until the call succeeds.
func (a *attempt) starved(what string, params *mls.Params, call func() error) {
	a.Helper()
	rand := inside.Rand(params)
	defer func(before io.Reader) { *rand = before }(*rand)
	if what != "Protect" { // which takes four bytes: so many zeros may be chance
		*rand = nothing{}
		a.gives(call())
	}
	for _, end := range []error{errNoEntropy, io.EOF} {
		for n := 0; ; n += 3 {
			require.Less(a, n, 4096, "%s does not end", what)
			*rand = &outage{n, mlstest.Rand(what), end}
			err := call()
			if err == nil {
				require.Positive(a, n, "%s takes no randomness", what)
				break
			}
			a.gives(err)
		}
	}
}

// exportRules returns the tests about what leaves the engine, and where its randomness comes from.
func exportRules() []ruleTest {
	return []ruleTest{
		{"V-KS-10", "send", "length", func(a *attempt) {
			alice, _, _ := a.trio()
			for _, n := range []int{-1, 0, 255*32 + 1, 1 << 16, math.MaxInt} {
				a.refusesCall(alice.Group, func() error { _, err := alice.Group.Export("label", nil, n); return err })
			}
			for _, n := range []int{1, 255 * 32} {
				s := must(alice.Group.Export("label", nil, n))
				require.Equal(a, n, s.Len())
			}
		}},
		{"V-KS-10", "send", "inactive", func(a *attempt) {
			alice, bob, _ := a.trio()
			bob.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 0}}}, alice)
			for _, p := range []*mlstest.Member{alice, a.ended().bob} {
				a.refusesCall(p.Group, func() error { _, err := p.Group.Export("label", nil, 32); return err })
			}
		}},
		{"V-KS-10", "send", "bound to epoch, label and context", func(a *attempt) {
			alice, bob, carol := a.trio()
			seen := map[string]bool{}
			for range 2 {
				for _, label := range []string{"", "a", "b"} {
					for _, context := range []string{"", "a", "b"} {
						mine := must(alice.Group.Export(label, []byte(context), 32))
						bobs := must(bob.Group.Export(label, []byte(context), 32))
						require.True(a, mine.Equal(bobs))
						a.holds(!seen[string(mine.Bytes())], "one value twice")
						seen[string(mine.Bytes())] = true
					}
				}
				carol.Commit(mls.CommitParams{}, alice, bob)
			}
		}},
		{"V-KS-11", "send", "", func(a *attempt) {
			a.passes(func(alice, dave *mls.Step, before *mls.Group, way []secretNamed) {
				own := newMember(a.T, "eve").KeyPackage(a)
				psk := externalPSK("psk")
				secrets := [][]byte{own.InitKey.Bytes(), own.LeafKey.Bytes(), psk.Secret.Bytes()}
				for _, s := range slices.Concat(mls.SecretsOf(before), mls.SecretsOf(alice.Next), mls.SecretsOf(dave.Next)) {
					secrets = append(secrets, s.Bytes())
				}
				secrets = slices.DeleteFunc(secrets, func(s []byte) bool { return len(s) < 12 }) // too short to be told from chance
				for _, v := range []any{alice, dave, *alice, alice.Next, valueOf(alice.Next), dave.Claims, alice.Events, own, *own, psk, mls.PSKs{psk},
					mls.Input{PSKs: mls.PSKs{psk}}, mls.JoinParams{KeyPackages: []*mls.OwnKeyPackage{own}, Successor: before},
					mls.CommitParams{PSKs: mls.PSKs{psk}}, mls.CreateParams{Successor: before}, partsOf(before)} {
					for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "%e"} {
						tellsNothing(a.T, fmt.Sprintf(verb, v), secrets)
					}
				}
				a.done = true
			})
		}},
		{"V-KS-12", "send", "", func(a *attempt) {
			alice, dave := a.outsider()
			add := mls.CommitParams{Proposals: []framing.Proposal{dave.Add()}, ForcePath: true, Now: mlstest.Now()}
			psk := externalPSK("psk")
			for what, call := range map[string]func(g *mls.Group) error{
				"Protect": func(g *mls.Group) error {
					return failure(g.Protect([]byte("hello"), mls.ProtectParams{}, alice.Signer))
				},
				"ProposeUpdate": func(g *mls.Group) error {
					return failure(g.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, alice.Signer))
				},
				"Propose": func(g *mls.Group) error {
					return failure(g.Propose(&framing.PreSharedKey{PSK: psk.ID}, mls.ProposeParams{}, alice.Signer))
				},
				"Commit": func(g *mls.Group) error { _, err := g.Commit(add, alice.Signer); return err },
			} {
				a.starved(what, &alice.Params, func() error {
					g := alice.Reloaded()
					before := whole(a, g)
					err := call(g)
					after := whole(a, g)
					delete(before, "counter")
					delete(after, "counter") // a generation that was given out is not given out again
					require.Equal(a, before, after)
					return err
				})
			}
		}},
		{"V-KS-12", "send", "outside of a group", func(a *attempt) {
			alice, _, _ := a.trio()
			info, dave := alice.Info(), newMember(a.T, "dave")
			a.starved("Create", &dave.Params, func() error {
				return failure(mls.Create(mls.CreateParams{CipherSuite: testSuite, Leaf: dave.LeafParams, Lifetime: mlstest.Lifetime(), Params: dave.Params}))
			})
			a.starved("NewKeyPackage", &dave.Params, func() error {
				_, err := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: dave.LeafParams,
					Lifetime: mlstest.Lifetime(), Params: dave.Params})
				return err
			})
			psk := &framing.PreSharedKey{PSK: externalPSK("psk").ID}
			alice, _, service := a.served()
			a.starved("Observer.Propose", &alice.Params, func() error {
				s := must(mls.Observe(mls.ObserveParams{GroupInfo: alice.Info(), Now: mlstest.Now(), Params: alice.Params}))
				return failure(s.Next.Propose(psk, 0, mls.ProposeParams{}, service.Signer))
			})
			a.starved("JoinExternal", &dave.Params, func() error { return failure(mls.JoinExternal(dave.ByGroupInfo(info))) })
		}},
		{"V-KS-13", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.trio()
			in, dave := alice.Insider(), newMember(a.T, "dave")
			join := func(info []byte) error { return failure(mls.JoinExternal(dave.ByGroupInfo(info))) }
			for _, point := range lowOrder() {
				a.gives(join(in.GroupInfo(a, func(i *framing.GroupInfo) {
					i.Extensions[1] = extension(a.T, &framing.ExternalPub{ExternalPub: point})
				})))
			}
			require.NoError(a, join(in.GroupInfo(a, nil)))
		}},
		{"V-KS-13", "create", "", func(a *attempt) {
			alice := newMember(a.T, "alice")
			for _, point := range smallOrder() {
				a.refusesCreation(alice, extension(a.T, &framing.ExternalSenders{{SignatureKey: point, Credential: alice.Credential}}))
			}
			require.NotNil(a, alice.Create(a, "group", extension(a.T, sendersOf(a, alice))))
		}},
		{"V-KS-13", "path", "a path secret's KEM output", func(a *attempt) {
			alice, in := a.insider()
			for _, point := range lowOrder() {
				a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) {
					d.OnPath = func(p *framing.UpdatePath) { p.Nodes[0].EncryptedPathSecret[0].KEMOutput = point }
				}).Commit, in.Commit(a, nil).Commit)
			}
		}},
	}
}

// smallOrder returns Ed25519 keys of small order: the neutral element, and the points of order two and four.
func smallOrder() (out [][]byte) {
	neutral, two, four := make([]byte, 32), bytes.Repeat([]byte{0xff}, 32), make([]byte, 32)
	neutral[0] = 1
	two[0], two[31] = 0xec, 0x7f
	return append(out, neutral, two, four)
}
