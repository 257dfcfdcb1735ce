package mls

import (
	"bytes"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// epochSecrets lists the secrets of an epoch in the order of their record.
func epochSecrets(s *keyschedule.EpochSecrets) []*ciphersuite.Secret {
	return []*ciphersuite.Secret{&s.SenderDataSecret, &s.ExporterSecret, &s.ExternalSecret, &s.ConfirmationKey,
		&s.MembershipKey, &s.ResumptionPSK, &s.EpochAuthenticator}
}

// closedSecrets lists those of an epoch in which a ReInit ended the group.
func closedSecrets(s *keyschedule.EpochSecrets) []*ciphersuite.Secret {
	return []*ciphersuite.Secret{&s.ResumptionPSK, &s.EpochAuthenticator}
}

func (r *recorder) secrets(key string, epoch framing.Epoch, now, then *keyschedule.EpochSecrets) {
	switch {
	case now == then:
	case now == nil:
		r.drop(key)
	case now.SenderDataSecret == (ciphersuite.Secret{}): // not erased: it was never there
		r.put(key, 128, func(w *recordWriter) {
			w.Uint64(uint64(epoch))
			for _, s := range closedSecrets(now) {
				w.secret(*s)
			}
		})
	default:
		r.put(key, 1024, func(w *recordWriter) {
			w.Uint64(uint64(epoch))
			for _, s := range epochSecrets(now) {
				w.secret(*s)
			}
			w.secret(now.InitSecret.Secret())
		})
	}
}

// private records the private keys of the path, except those that base has too. Public keys are in the tree.
func (r *recorder) private(key string, p, base *treekem.PrivatePath) {
	var own []treekem.NodeIndex
	pairs := map[treekem.NodeIndex]ciphersuite.KeyPair{}
	for x, pair := range p.Keys() {
		if pair.Private == (ciphersuite.Secret{}) || base != nil && hasPair(base, x, pair) {
			continue
		}
		own = append(own, x)
		pairs[x] = pair
	}
	r.put(key, 16+80*len(own), func(w *recordWriter) {
		w.list(len(own), func(i int) {
			w.Uint32(uint32(own[i]))
			w.secret(pairs[own[i]].Private)
		})
	})
}

func privateKeys(p *treekem.PrivatePath) map[treekem.NodeIndex]ciphersuite.Secret {
	keys := map[treekem.NodeIndex]ciphersuite.Secret{}
	for x, pair := range p.Keys() {
		keys[x] = pair.Private
	}
	return keys
}

func hasPair(p *treekem.PrivatePath, x treekem.NodeIndex, pair ciphersuite.KeyPair) bool {
	for y, have := range p.Keys() {
		if x == y {
			return bytes.Equal(have.Public, pair.Public)
		}
	}
	return false
}

// messages records the secret tree of an epoch: nodes that hold a secret, and ratchets, each with the mark of the epoch.
func (r *recorder) messages(prefix string, of *public, now, then *keyschedule.SecretTree) {
	switch {
	case now == then:
		return
	case now == nil:
		r.replace(func(*recorder) {}, func(r *recorder) { r.messages(prefix, of, then, nil) })
		return
	}
	for s := range now.Nodes(then) {
		key := fmt.Sprintf("%s%s/%d/%d", prefix, recordNode, s.Level, s.Position)
		if s.Secret == (ciphersuite.Secret{}) {
			r.drop(key)
			continue
		}
		r.put(key, 128, func(w *recordWriter) {
			w.Raw(of.mark())
			w.secret(s.Secret)
		})
	}
	written := map[string]bool{}
	for s := range now.Ratchets(then) {
		key := ratchetKey(prefix, s.Leaf, s.Kind)
		written[key] = true
		r.put(key, 160, func(w *recordWriter) {
			w.Raw(of.mark())
			w.Uint64(s.Next)
			w.optionalSecret(s.Secret)
			w.Uint64(s.Floor)
		})
	}
	r.skipped(prefix, of, now, then)
	if then == nil {
		return
	}
	for s := range then.Ratchets(now) {
		if key := ratchetKey(prefix, s.Leaf, s.Kind); !written[key] {
			r.drop(key)
		}
	}
}

// skipped records keys for late messages. They are apart from their ratchets, so that a message writes the blocks that it
// touches, however many keys wait.
func (r *recorder) skipped(prefix string, of *public, now, then *keyschedule.SecretTree) {
	for s := range now.Skipped(then) {
		key := fmt.Sprintf("%s%s/%d/%d/%d", prefix, recordSkipped, s.Leaf, s.Kind, s.Block)
		if len(s.Keys) == 0 {
			r.drop(key)
			continue
		}
		r.put(key, 16+64*len(s.Keys), func(w *recordWriter) {
			w.Raw(of.mark())
			w.list(len(s.Keys), func(i int) {
				w.Uint32(uint32(s.Keys[i].Generation))
				w.secret(s.Keys[i].Material)
			})
		})
	}
}

func ratchetKinds() [2]keyschedule.RatchetKind {
	return [...]keyschedule.RatchetKind{keyschedule.HandshakeRatchet, keyschedule.ApplicationRatchet}
}

func ratchetKey(prefix string, leaf framing.LeafIndex, kind keyschedule.RatchetKind) string {
	return fmt.Sprintf("%s%s/%d/%v", prefix, recordRatchet, leaf, kind)
}

func (r *recorder) resumption(now, then []resumptionPSK) {
	key := func(p resumptionPSK) string { return fmt.Sprintf("%s/%d", recordResumption, p.epoch) }
	has := func(list []resumptionPSK, p resumptionPSK, same bool) bool {
		for _, x := range list {
			if x.epoch == p.epoch {
				return !same || x.secret == p.secret
			}
		}
		return false
	}
	for _, p := range now {
		if !has(then, p, true) {
			r.put(key(p), 128, func(w *recordWriter) { w.secret(p.secret) })
		}
	}
	for _, p := range then {
		if !has(now, p, false) {
			r.drop(key(p))
		}
	}
}

// proposals records the proposals of the epoch in the order of their arrival.
func (r *recorder) proposals(now, then proposalStore) {
	kept := now.shared(then.proposalChain).len()
	beside := func(p *storedProposal) string { return fmt.Sprintf("%s/%d", recordMessage, p.number) }
	replaced := map[string]bool{}
	for _, p := range now.after(kept) {
		r.put(fmt.Sprintf("%s/%d", recordProposal, p.number), 1024, func(w *recordWriter) {
			w.value(p.content.Unverified())
			w.optionalSecret(p.leafKey.Private)
		})
		if p.message != nil {
			replaced[beside(p)] = true
			r.put(beside(p), 1+len(p.message), func(w *recordWriter) { w.Opaque(p.message) })
		}
	}
	for _, p := range then.after(kept) {
		if p.number >= now.len() {
			r.drop(fmt.Sprintf("%s/%d", recordProposal, p.number))
		}
		if p.message != nil && !replaced[beside(p)] {
			r.drop(beside(p))
		}
	}
	for _, number := range now.declined.differences(then.declined) { // the value says nothing: it is the same for every proposal
		if key := fmt.Sprintf("%s/%d", recordDeclined, number); now.declined.has(number) {
			r.put(key, 1, func(*recordWriter) {})
		} else {
			r.drop(key)
		}
	}
}

// pending records the pending commit: the message, what it does, the Welcome, and the epoch that it leads to, as far as
// that differs from the present one. A newcomer's Group is in that epoch already.
func (r *recorder) pending(g *Group) {
	p := g.pending
	if p == nil {
		return
	}
	r.put(recordPending, 1024+2*len(p.message), func(w *recordWriter) {
		w.Opaque(p.message)
		writeChange(w, p.change)
	})
	for i, o := range p.welcomes {
		r.put(fmt.Sprintf("%s/%s/%d", recordPending, recordWelcome, i), 64+len(o.Message), func(w *recordWriter) {
			w.Opaque(o.Message)
			w.list(len(o.To), func(i int) { w.Opaque(o.To[i]) })
			w.Optional(o.tree != nil)
		})
	}
	if g.status == StatusJoining {
		return
	}
	prefix := recordPending + "/"
	r.public(prefix+recordEpoch, p.next.public)
	r.secrets(prefix+recordSecrets, p.next.Epoch(), p.next.secrets, nil)
	r.private(prefix+recordPrivate, p.next.private, g.private)
	r.messages(prefix, p.next.public, p.next.messages, nil)
	for b := range p.next.tree.Blocks(g.tree) {
		r.block(prefix, b)
	}
}
