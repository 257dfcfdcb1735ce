package mls

// RFC 9420, Sections 12.4.3 and 12.4.3.1: GroupInfo and Welcome, as their author makes them.

import (
	"crypto"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// GroupInfoParams say what a GroupInfo holds.
type GroupInfoParams struct {
	ExternalPub bool               // lets newcomers join by external commit
	OmitTree    bool               // leaves the ratchet tree out; get it from Tree().Export()
	Extensions  framing.Extensions // none that RFC 9420 defines
}

// GroupInfo returns a GroupInfo of the present epoch, signed by the member, as an MLSMessage (RFC 9420, Section 12.4.3). It
// fails with an *InactiveError, ErrSigner, ErrErased, or a *RuleError or *SyntaxError for extensions that a GroupInfo
// cannot have.
func (g *Group) GroupInfo(p GroupInfoParams, by crypto.Signer) ([]byte, error) {
	if err := g.maySend(by); err != nil {
		return nil, err
	}
	if err := g.checkInfoExtensions(p.Extensions); err != nil {
		return nil, err
	}
	extensions := p.Extensions
	if p.ExternalPub {
		pair, err := g.secrets.ExternalKeyPair()
		if err != nil {
			return nil, err
		}
		pair.Private.Erase()
		pub, err := framing.NewExtension(&framing.ExternalPub{ExternalPub: pair.Public})
		if err != nil {
			return nil, err
		}
		extensions = append(framing.Extensions{pub}, extensions...)
	}
	info, err := g.public.groupInfo(g.OwnLeaf(), extensions, p.OmitTree)
	if err != nil {
		return nil, err
	}
	if err := info.Sign(framing.SignParams{Suite: g.suite, Rand: g.params.rand, Signer: by}); err != nil {
		return nil, err
	}
	return g.marshal(info)
}

// checkInfoExtensions checks the extensions that a caller gives for a GroupInfo. They must not be those that RFC 9420
// defines for it, which the group makes.
func (p *public) checkInfoExtensions(list framing.Extensions) error {
	if err := p.params.limitExtensions(framing.NoLeaf, list); err != nil {
		return err
	}
	return list.CheckPlacement()
}

// groupInfo returns the GroupInfo of an epoch, without a signature.
func (p *public) groupInfo(signer framing.LeafIndex, extensions framing.Extensions, omitTree bool) (*framing.GroupInfo, error) {
	if !omitTree {
		tree := framing.Extension{Type: framing.ExtensionTypeRatchetTree, Data: p.tree.Export()}
		extensions = append(framing.Extensions{tree}, extensions...)
	}
	if err := checkInfoExtensions(extensions); err != nil {
		return nil, err
	}
	info := &framing.GroupInfo{GroupContext: p.context, Extensions: extensions, ConfirmationTag: p.tag, Signer: signer}
	return info, nil
}

// checkInfoExtensions checks the extensions of a GroupInfo (V-EXT-01, V-EXT-02).
func checkInfoExtensions(list framing.Extensions) error {
	if err := list.Check(); err != nil {
		return err
	}
	return list.CheckPlacement(framing.ExtensionTypeRatchetTree, framing.ExtensionTypeExternalPub)
}

// welcome makes the Welcome messages for those whom the commit adds (RFC 9420, Section 12.4.3.1).
func (d *draft) welcome(next *nextEpoch, path *committerPath) ([]Outgoing, error) {
	if len(d.list.adds) == 0 {
		return nil, nil
	}
	w := d.params.Welcome
	if err := next.checkInfoExtensions(w.Extensions); err != nil {
		return nil, err
	}
	info, err := next.confirmed(next.tag).groupInfo(d.leaf, w.Extensions, w.OmitTree)
	if err != nil {
		return nil, err
	}
	signing := framing.SignParams{Suite: d.before.suite, Rand: d.rand, Signer: d.by}
	if path != nil {
		signing.Signer = path.signer
	}
	if err := info.Sign(signing); err != nil {
		return nil, err
	}
	joiners := make([]framing.Joiner, len(d.list.adds))
	for k, a := range d.list.adds {
		joiners[k].KeyPackage = a.KeyPackage
		if path != nil {
			joiners[k].PathSecret, _ = path.PathSecret(d.added[k])
		}
	}
	welcome, err := framing.NewWelcome(framing.NewWelcomeParams{
		Suite: d.before.suite, Rand: d.rand, GroupInfo: info, WelcomeSecret: next.welcome,
		JoinerSecret: next.joiner.Secret(), PSKs: d.list.psks, Joiners: joiners,
	})
	if err != nil {
		return nil, err
	}
	return d.split(welcome)
}

// split divides a Welcome into batches of joiners.
func (d *draft) split(welcome *framing.Welcome) ([]Outgoing, error) {
	batch := d.params.Welcome.Batch
	if batch <= 0 {
		batch = len(welcome.Secrets)
	}
	var tree *treekem.Tree
	if d.params.Welcome.OmitTree {
		tree = d.tree
	}
	var out []Outgoing
	for lo := 0; lo < len(welcome.Secrets); lo += batch {
		part := *welcome
		part.Secrets = welcome.Secrets[lo:min(lo+batch, len(welcome.Secrets))]
		message, err := d.before.marshal(&part)
		if err != nil {
			return nil, err
		}
		o := Outgoing{Kind: OutgoingWelcome, Message: message, tree: tree}
		for _, s := range part.Secrets {
			o.To = append(o.To, s.NewMember)
		}
		out = append(out, o)
	}
	return out, nil
}
