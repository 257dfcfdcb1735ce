package mls_test

// RFC 9420, Sections 12.1.7 and 12.2: proposals that not every member supports.

import (
	"slices"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// uneven returns a group of alice, bob and carol, of whom carol lacks what the demanding group demands; so does dave,
// who has not joined, unlike erin.
func (a *attempt) uneven(extensions ...framing.Extension) (alice, bob, dave, erin *mlstest.Member) {
	all := newCastOf(a.T, func(c *mlstest.Party) {
		if c.Name != "carol" {
			capable(c)
		}
		c.Params.ExternalProposals = []framing.ProposalType{wantedProposal}
	}, extensions, "alice", "bob", "carol")
	erin = newMember(a.T, "erin")
	capable(erin.Party)
	return all[0], all[1], newMember(a.T, "dave"), erin
}

// supportRules returns the tests about what members have to support.
func supportRules() []ruleTest {
	required := []framing.RequiredCapabilities{
		{ExtensionTypes: []framing.ExtensionType{wantedExtension}},
		{ProposalTypes: []framing.ProposalType{wantedProposal}},
		{CredentialTypes: []framing.CredentialType{wantedCredential}},
	}
	raises := func(a *attempt) (out []framing.Proposal) {
		for _, r := range required {
			out = append(out, requires(a, r))
		}
		return out
	}
	sets := func(*attempt) []framing.Proposal {
		return []framing.Proposal{extensionsOf(framing.Extension{Type: contextExtension})}
	}
	custom := func(*attempt) []framing.Proposal {
		return []framing.Proposal{&framing.CustomProposal{Type: wantedProposal, Data: []byte("data")}}
	}
	remove := &framing.Remove{Removed: 2} // carol, who supports nothing
	var out []ruleTest
	for _, r := range []struct {
		id        string
		list      func(*attempt) []framing.Proposal
		newcomers bool // whether they count, too
	}{{"V-PR-14", raises, true}, {"V-PR-15", sets, true}, {"V-PR-16", custom, false}} {
		out = append(out, ruleTest{r.id, "value", "", func(a *attempt) {
			alice, bob, dave, erin := a.uneven()
			in := bob.Insider()
			for _, p := range r.list(a) {
				a.refusesMessage(alice.Group, a.over(in, p), a.over(in, p, remove))
				if r.newcomers {
					a.refusesMessage(alice.Group, a.over(in, p, remove, dave.Add()), a.over(in, p, remove, erin.Add()))
				} else {
					a.refusesMessage(alice.Group, a.over(in, p, dave.Add()), a.over(in, p, remove, dave.Add()))
				}
			}
		}}, ruleTest{r.id, "send", "", func(a *attempt) {
			alice, _, dave, erin := a.uneven()
			for _, p := range r.list(a) {
				a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{p}})
				last := erin
				if r.newcomers {
					a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{p, remove, dave.Add()}})
				} else {
					last = dave
				}
				must(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{p, remove, last.Add()}, Now: mlstest.Now()}, alice.Signer))
			}
		}}, ruleTest{r.id, "reference", "", func(a *attempt) {
			for _, p := range r.list(a) {
				alice, bob, _, _ := a.uneven()
				in := bob.Insider()
				message, covered := in.Propose(a, p, nil)
				alice.Hear(message)
				a.refusesMessage(alice.Group, a.covering(in, covered), a.covering(in, append(in.ByValue(remove), covered)...))
				a.refusesCommitting(alice, mls.CommitParams{References: []framing.ProposalRef{covered.Ref}})
				a.names(2)
			}
		}}, ruleTest{r.id, "outside", "", func(a *attempt) {
			for _, p := range r.list(a) {
				service := newMember(a.T, "service")
				alice, bob, _, _ := a.uneven(extension(a.T, sendersOf(a, service)))
				in := bob.Insider()
				message, covered := stranger(service, alice.Group, framing.SenderTypeExternal).Propose(a, p,
					func(c *mlstest.Content) { c.Context = nil })
				alice.Hear(message)
				a.refusesMessage(alice.Group, a.covering(in, covered), a.covering(in, append(in.ByValue(remove), covered)...))
			}
		}})
	}
	return append(out, ruleTest{"V-PR-15", "value", "another type with the same data", func(a *attempt) {
		all := newCastOf(a.T, func(c *mlstest.Party) {
			if capable(c); c.Name == "bob" { // only he, who commits it, supports the other type
				c.Capabilities.Extensions = append(slices.Clone(c.Capabilities.Extensions), strange)
			}
		}, framing.Extensions{{Type: contextExtension}}, "alice", "bob", "carol")
		in := all[1].Insider()
		a.refusesMessage(all[0].Group, a.over(in, extensionsOf(framing.Extension{Type: strange})),
			a.over(in, extensionsOf(framing.Extension{Type: contextExtension})))
	}}, ruleTest{"V-PR-16", "value", "with the Remove of who supports another type", func(a *attempt) {
		all := newCastOf(a.T, func(c *mlstest.Party) {
			if capable(c); c.Name == "carol" {
				c.Capabilities.Proposals = []framing.ProposalType{strange}
			}
		}, nil, "alice", "bob", "carol")
		in := all[1].Insider()
		p := custom(a)[0]
		a.refusesMessage(all[0].Group, a.over(in, p), a.over(in, p, remove))
	}}, ruleTest{"V-PR-15", "value", "GREASE", func(a *attempt) {
		alice, in := a.insider()
		a.refusesMessage(alice.Group, a.over(in, extensionsOf(framing.Extension{Type: 0x0a0a, Data: []byte("grease")})), a.over(in))
	}}, ruleTest{"V-PR-16", "value", "GREASE, which all list", func(a *attempt) {
		all := newCastOf(a.T, func(c *mlstest.Party) {
			capable(c)
			c.Capabilities.Proposals = append(c.Capabilities.Proposals, 0x0a0a)
		}, nil, "alice", "bob", "carol")
		in, grease := all[1].Insider(), &framing.CustomProposal{Type: 0x0a0a}
		a.refusesMessage(all[0].Group, a.over(in, grease), a.over(in, custom(a)...))
		a.names(0)
		a.refusesMessage(all[0].Group, a.over(in, grease, remove), a.over(in, remove))
	}}, ruleTest{"V-PR-16", "value", "who lacks it", func(a *attempt) {
		all := newCastOf(a.T, func(c *mlstest.Party) {
			if c.Name != "carol" && c.Name != "dave" {
				capable(c)
			}
		}, nil, "alice", "bob", "carol", "dave", "erin")
		in := all[1].Insider()
		list := []framing.Proposal{custom(a)[0], remove, &framing.Remove{Removed: 4}, &framing.Remove{Removed: 3}} // erin has it
		a.refusesMessage(all[0].Group, a.over(in, list[:3]...), a.over(in, list...))
		a.names(3)
	}}, ruleTest{"V-PR-14", "value", "more than was required before", func(a *attempt) {
		alice, bob, _, _ := a.uneven(extension(a.T, new(framing.RequiredCapabilities)))
		in := bob.Insider()
		for _, p := range raises(a) {
			a.refusesMessage(alice.Group, a.over(in, p), a.over(in, p, remove))
			a.names(2)
		}
	}}, ruleTest{"V-PR-14", "send", "what only the committer's new leaf supports", func(a *attempt) {
		all := newCastOf(a.T, func(c *mlstest.Party) {
			if c.Name != "alice" {
				capable(c)
			}
		}, nil, "alice", "bob", "carol")
		alice, bob, carol := all[0], all[1], all[2]
		able := bob.Insider().OwnLeaf().Capabilities
		c := mls.CommitParams{Proposals: []framing.Proposal{requires(a, required[0])}}
		a.refusesCommitting(alice, c)
		a.names(0)
		c.Leaf.Capabilities = &able
		bob.Propose(newMember(a.T, "dave").Add(), alice, carol) // he lacks it
		s := must(alice.Group.Commit(mls.CommitParams{Proposals: c.Proposals, Leaf: c.Leaf, Now: mlstest.Now()}, alice.Signer))
		a.holds(len(s.Left) == 1, "left out: %v", s.Left)
		alice.Commit(c, bob, carol)
		mlstest.Agree(all...)
	}})
}
