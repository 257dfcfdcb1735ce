package mls

import "github.com/copse-mls/copse/framing"

// writeChange writes what a pending commit will do. The commit alone does not say it: a newcomer does not have the group
// before it.
func writeChange(w *recordWriter, c *Change) {
	w.Uint64(uint64(c.Epoch))
	w.value(&c.Committer)
	w.Uint32(uint32(c.CommitterLeaf))
	w.Opaque(c.AuthenticatedData)
	w.Optional(c.Path)
	w.list(len(c.Proposals), func(i int) {
		p := &c.Proposals[i]
		w.proposal(p.Proposal)
		w.value(&p.Sender)
		w.Opaque(p.Ref)
	})
	for _, list := range [...][]LeafChange{c.Added, c.Removed, c.Updated} {
		w.list(len(list), func(i int) {
			w.Uint32(uint32(list[i].Leaf))
			writeOptional(w, list[i].Old)
			writeOptional(w, list[i].New)
		})
	}
	w.value(&framing.GroupContextExtensions{Extensions: c.OldExtensions})
	w.value(&framing.GroupContextExtensions{Extensions: c.NewExtensions})
	w.list(len(c.PSKs), func(i int) { w.value(&c.PSKs[i]) })
	writeOptional(w, c.ReInit)
}

func readChange(r *recordReader) *Change {
	c := &Change{Epoch: framing.Epoch(r.Uint64()), Own: true}
	r.value(&c.Committer)
	c.CommitterLeaf = framing.LeafIndex(r.Uint32())
	c.AuthenticatedData = r.bytes()
	c.Path = r.Optional()
	r.list(func() {
		p := CommittedProposal{Proposal: r.proposal()}
		r.value(&p.Sender)
		p.Ref = r.bytes()
		c.Proposals = append(c.Proposals, p)
	})
	for _, list := range [...]*[]LeafChange{&c.Added, &c.Removed, &c.Updated} {
		r.list(func() {
			*list = append(*list, LeafChange{framing.LeafIndex(r.Uint32()),
				readOptional[framing.LeafNode](r), readOptional[framing.LeafNode](r)})
		})
	}
	var old, fresh framing.GroupContextExtensions
	r.value(&old)
	r.value(&fresh)
	c.OldExtensions, c.NewExtensions = old.Extensions, fresh.Extensions
	r.list(func() {
		var id framing.PreSharedKeyID
		r.value(&id)
		c.PSKs = append(c.PSKs, id)
	})
	c.ReInit = readOptional[framing.ReInit](r)
	return c
}

func (w *recordWriter) proposal(p framing.Proposal) {
	b, err := framing.Marshal(&framing.TaggedProposal{Proposal: p})
	if err != nil {
		w.Failf("%v", err)
	}
	w.Opaque(b)
}

func (r *recordReader) proposal() framing.Proposal {
	var p framing.TaggedProposal
	r.value(&p)
	return p.Proposal
}

// nameSenders sets who sent the proposals. The record does not hold it; it follows from the group before the commit. A
// newcomer does not have that group, and its commit covers nobody else's proposals but those of members that leave.
func (c *Change) nameSenders(before *public) {
	for k := range c.Proposals {
		p := &c.Proposals[k]
		if before != nil {
			p.From = before.senderIdentity(p.Sender, p.Proposal)
			continue
		}
		for _, gone := range c.Removed {
			if _, leaves := p.Proposal.(*framing.SelfRemove); leaves && gone.Leaf == p.Sender.LeafIndex {
				p.From = identityOf(gone.Old)
			}
		}
	}
}
