package mls

import (
	"iter"
)

// LoadParams are the records of one Group or Observer, and the settings for it, which are not in the records.
type LoadParams struct {
	Records iter.Seq[Record] // in any order; the values are copied
	Params  Params
	// Version is the Group.Version of which the caller knows from elsewhere that it was stored, for Load to refuse older
	// records by ErrStale; 0 when nothing is known. An Observer has none.
	Version uint64
}

// Load makes the Group that was stored (see Record). It checks that the records fit together, that the tree has the hash
// that is in the group context, that private keys are those of the tree, and that stored proposals are signed by their
// senders; it makes no Claims again. It takes time in proportion to the tree, which Params.MaxLeaves bounds.
//
// It fails with a *RecordError, also when it does not know a record: a later version of Copse may have recorded there what
// must not be lost.
func Load(p LoadParams) (*Group, error) {
	l, err := newLoader(p, roleMember)
	if err != nil {
		return nil, err
	}
	g, err := l.group(p.Version)
	if err != nil {
		return nil, err
	}
	return g, l.top.unread()
}

// LoadObserver makes the Observer that was stored. It fails as Load does.
func LoadObserver(p LoadParams) (*Observer, error) {
	l, err := newLoader(p, roleObserver)
	if err != nil {
		return nil, err
	}
	o := &Observer{reInit: l.header.reInit}
	if o.public, err = l.presentPublic(); err != nil {
		return nil, err
	}
	if o.proposals, err = l.proposals(o.public); err != nil {
		return nil, err
	}
	return o, l.top.unread()
}
