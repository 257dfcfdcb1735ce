package mls

import (
	"crypto/subtle"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// group loads a member's Group.
func (l *loader) group(least uint64) (*Group, error) {
	h := &l.header
	g := &Group{groupState: groupState{status: h.status, reInit: h.reInit, lastOwn: h.lastOwn, successor: h.successor}}
	if h.status > StatusAbandoned || (h.reInit != nil) != (h.status == StatusReInitialized) {
		return nil, l.top.open(recordGroup).fail("status %d", h.status)
	}
	if err := l.loadCounter(g, least); err != nil {
		return nil, err
	}
	p, err := l.presentPublic()
	if err != nil {
		return nil, err
	}
	switch h.status {
	case StatusActive, StatusJoining:
		g.epochState, err = l.state(p, l.top, nil)
	default:
		g.public, g.private = p, noKeys(l.suite, h.leaf)
		err = l.top.open(recordPrivate).must(func(r *recordReader) {
			r.list(func() { r.Failf("private key in a group that is over") })
		})
		if err == nil && h.status == StatusReInitialized {
			g.secrets = &keyschedule.EpochSecrets{Suite: l.suite}
			err = l.top.open(recordSecrets).must(func(r *recordReader) { l.readEpochSecrets(r, l.header.epoch, closedSecrets(g.secrets)) })
		}
	}
	if err != nil {
		return nil, err
	}
	g.arrivals.floor = g.Epoch() // in the first records of version 1, which say no more
	d := l.top.open(recordArrivals)
	if found, err := d.load(g.arrivals.read); err != nil {
		return nil, err
	} else if !found && l.counter != nil {
		return nil, d.fail("record is missing")
	}
	for _, load := range []func(*Group) error{l.loadPast, l.loadResumption, l.loadProposals, l.loadPending, l.checkCounter} {
		if err := load(g); err != nil {
			return nil, err
		}
	}
	if l.top.shelf.version < recordVersion {
		g.old = l.top.shelf.keys
	}
	return g, nil
}

// state loads the secrets of the present epoch, or on top of it those to which the pending commit leads.
func (l *loader) state(p *public, d *drawer, base *treekem.PrivatePath) (epochState, error) {
	s := epochState{public: p}
	var err error
	if s.secrets, err = l.secrets(d.open(recordSecrets), p); err != nil {
		return s, err
	}
	if s.private, err = l.private(d.open(recordPrivate), p.tree, base); err != nil {
		return s, err
	}
	var counted *ownRatchets
	switch c := l.counter; {
	case base == nil:
		d = l.epoch(p.Epoch())
		if c != nil {
			counted = c.present
		}
	case c != nil:
		counted = c.pending
	}
	s.messages, err = l.messages(d, p, counted)
	return s, err
}

// secrets loads the secrets of an epoch. Its confirmation tag shows that they are not those of another branch, nor, in version
// 1, of another epoch.
func (l *loader) secrets(d *drawer, p *public) (*keyschedule.EpochSecrets, error) {
	e := &keyschedule.EpochSecrets{Suite: l.suite}
	var init ciphersuite.Secret
	err := d.must(func(r *recordReader) {
		l.readEpochSecrets(r, p.Epoch(), epochSecrets(e))
		init = r.secret()
	})
	if err != nil {
		return nil, err
	}
	tag, err := e.ConfirmationTag(p.context.ConfirmedTranscriptHash)
	if err != nil {
		return nil, d.failWith(err)
	}
	if subtle.ConstantTimeCompare(tag, p.tag) != 1 {
		return nil, d.failWith(ErrRecordEpoch)
	}
	e.InitSecret, err = keyschedule.NewInitSecret(l.suite, init)
	return e, d.failWith(err)
}

// readEpochSecrets reads the secrets of an epoch. Version 1 does not say of which.
func (l *loader) readEpochSecrets(r *recordReader, epoch framing.Epoch, list []*ciphersuite.Secret) {
	if r.version > 1 && framing.Epoch(r.Uint64()) != epoch && r.Err() == nil {
		r.Reject(ErrRecordEpoch)
	}
	l.readSecrets(r, list)
}

func (l *loader) readSecrets(r *recordReader, list []*ciphersuite.Secret) {
	for _, s := range list {
		if *s = r.secret(); r.Err() == nil && s.Len() != l.suite.HashSize {
			r.Failf("secret of %d bytes", s.Len())
		}
	}
}

// private loads the private keys of the path, the leaf's first. Keys that are not in the record are taken from base.
func (l *loader) private(d *drawer, tree *treekem.Tree, base *treekem.PrivatePath) (*treekem.PrivatePath, error) {
	own := treekem.LeafNodeIndex(l.header.leaf)
	p := treekem.NewPrivatePath(l.suite, l.header.leaf, ciphersuite.KeyPair{})
	if base != nil {
		p = base.Prune(tree)
	}
	level := -1
	err := d.must(func(r *recordReader) {
		r.list(func() {
			x, secret := treekem.NodeIndex(r.Uint32()), r.secret()
			if r.Err() != nil {
				return
			}
			if x.Level() <= level {
				r.Failf("node %d is out of order", x)
				return
			}
			level = x.Level()
			pair, err := l.suite.KeyPairOf(secret)
			if err == nil && x == own {
				p = p.WithLeafKey(pair)
			} else if err == nil {
				p, err = p.WithKey(x, pair)
			}
			if err != nil {
				r.Reject(err)
			}
		})
	})
	if err != nil {
		return nil, err
	}
	if !tree.HasLeaf(l.header.leaf) {
		return nil, d.fail("own leaf is blank")
	}
	if x, missing := p.Missing(tree); missing {
		return nil, d.fail("private key of node %d is missing", x)
	}
	return p, d.failWith(p.Check(tree))
}

// loadPast loads what is kept of past epochs, the newest first, each tree on top of the next one. For a member that was
// removed, the present epoch is the newest of them.
func (l *loader) loadPast(g *Group) error {
	newer := g.public
	for _, d := range slices.Backward(l.top.open(recordEpoch).numbers(1<<64 - 1)) {
		p := &pastEpoch{public: g.public}
		found, err := d.open(recordSenderData).load(func(r *recordReader) { p.senderData = r.secret() })
		present := d.number == uint64(g.Epoch())
		switch {
		case err != nil:
			return err
		case present && !found:
			continue
		case !found || d.number > uint64(g.Epoch()) || present && g.status != StatusRemoved:
			return d.fail("epoch is not past")
		case p.senderData.Len() != l.suite.HashSize:
			return d.fail("sender data secret of %d bytes", p.senderData.Len())
		case !present:
			if p.public, err = l.public(d.drawer, d.drawer, newer); err != nil {
				return err
			}
		}
		if uint64(p.Epoch()) != d.number {
			return d.fail("context of epoch %d", p.Epoch())
		}
		if p.messages, err = l.messages(d.drawer, p.public, nil); err != nil {
			return err
		}
		newer = p.public
		g.past = append(g.past, p)
	}
	return nil
}

func (l *loader) loadResumption(g *Group) error {
	for _, d := range slices.Backward(l.top.open(recordResumption).numbers(1<<64 - 1)) {
		p := resumptionPSK{epoch: framing.Epoch(d.number)}
		if err := d.must(func(r *recordReader) { l.readSecrets(r, []*ciphersuite.Secret{&p.secret}) }); err != nil {
			return err
		}
		g.resumption = append(g.resumption, p)
	}
	return nil
}

func (l *loader) loadProposals(g *Group) error {
	var err error
	g.proposals, err = l.proposals(g.public)
	return err
}

// loadPending loads the pending commit.
func (l *loader) loadPending(g *Group) error {
	d := l.top.open(recordPending)
	p := new(pendingCommit)
	found, err := d.load(func(r *recordReader) {
		p.message = r.bytes()
		p.change = readChange(r)
	})
	switch {
	case err != nil || p.change == nil:
	case g.status == StatusActive:
		p.change.nameSenders(g.public)
	default:
		p.change.nameSenders(nil)
	}
	switch joining := g.status == StatusJoining; {
	case err != nil:
		return err
	case found != joining && (joining || g.status != StatusActive):
		return d.fail("pending commit in a group of status %v", g.status)
	case !found:
		return nil
	case joining:
		state := g.epochState
		p.next = &state
	default:
		if err := l.loadNext(g, p, d); err != nil {
			return err
		}
	}
	g.pending = p
	return nil
}

// loadNext loads the epoch that the pending commit leads to, and the Welcome.
func (l *loader) loadNext(g *Group, p *pendingCommit, d *drawer) error {
	next, err := l.public(d.open(recordEpoch), d, g.public)
	if err != nil {
		return err
	}
	if next.Epoch() != g.Epoch()+1 {
		return d.open(recordEpoch).fail("epoch %d after %d", next.Epoch(), g.Epoch())
	}
	state, err := l.state(next, d, g.private)
	if err != nil {
		return err
	}
	p.next = &state
	for i, w := range d.open(recordWelcome).numbers(1<<32 - 1) {
		o := Outgoing{Kind: OutgoingWelcome}
		err := w.must(func(r *recordReader) {
			o.Message = r.bytes()
			r.list(func() { o.To = append(o.To, r.bytes()) })
			if r.Optional() {
				o.tree = next.tree
			}
		})
		switch {
		case err != nil:
			return err
		case w.number != uint64(i):
			return w.fail("Welcome %d is missing", i)
		}
		p.welcomes = append(p.welcomes, o)
	}
	return nil
}
