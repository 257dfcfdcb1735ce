package mls

import (
	"bytes"
	"fmt"
	"maps"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// Records returns what a store that holds since has to write and delete to hold g; everything when since is nil. See Record
// for the contract. since may be any Group of the same client and group id, before or after g, of this membership or another
// one, at whatever leaf, erased or not.
//
// It fails with ErrErased when g itself is erased, with ErrWrongGroup, and when a value is too large to be encoded, all
// wrapped in a *RecordError.
func (g *Group) Records(since *Group) ([]Record, error) {
	switch {
	case since == nil:
		since = new(Group)
	case !bytes.Equal(g.GroupID(), since.GroupID()):
		return nil, &RecordError{recordGroup, ErrWrongGroup}
	case since.old != nil:
		return g.recordsInstead(since.old)
	}
	r := new(recorder)
	if g != since {
		r.counter(g)
	}
	if !g.sameHeader(since) {
		h := recordHeader{role: roleMember, suite: g.context.CipherSuite, epoch: g.Epoch(), leaf: g.OwnLeaf(),
			status: g.status, lastOwn: g.lastOwn, reInit: g.reInit, successor: g.successor}
		r.put(recordGroup, 256, h.write)
	}
	r.tree(g.public, since.public)
	r.epochs(g.keptEpochs(), since.keptEpochs())
	r.secrets(recordSecrets, g.Epoch(), g.secrets, since.secrets)
	if g.private != since.private && (since.private == nil || !maps.Equal(privateKeys(g.private), privateKeys(since.private))) {
		r.private(recordPrivate, g.private, nil)
	}
	r.resumption(g.resumption, since.resumption)
	r.proposals(g.proposals, since.proposals)
	if since.public == nil || !g.arrivals.equal(since.arrivals) {
		r.put(recordArrivals, 64, g.arrivals.write)
	}
	if g.pending != since.pending || g.pending != nil && (g.public != since.public || g.private != since.private) {
		r.replace(func(r *recorder) { r.pending(g) }, func(r *recorder) { r.pending(since) })
	}
	return r.done()
}

// Records returns what a store that holds since has to write and delete to hold o; everything when since is nil. See
// Group.Records. Observer.Former is not stored: a service that may go back keeps the records of both, or asks a member for a
// GroupInfo and begins anew.
func (o *Observer) Records(since *Observer) ([]Record, error) {
	r := new(recorder)
	if since == nil {
		since = new(Observer)
	} else if !bytes.Equal(o.GroupID(), since.GroupID()) {
		return nil, &RecordError{recordGroup, ErrWrongGroup}
	}
	if o.public != since.public || o.reInit != since.reInit {
		h := recordHeader{role: roleObserver, suite: o.context.CipherSuite, epoch: o.Epoch(), leaf: framing.NoLeaf,
			reInit: o.reInit}
		r.put(recordGroup, 256, h.write)
	}
	r.tree(o.public, since.public)
	r.epochs(keptPublic(o.public), keptPublic(since.public))
	r.proposals(o.proposals, since.proposals)
	return r.done()
}

// recordsInstead returns all records, and deletes those of a list of keys that are not among them.
func (g *Group) recordsInstead(old []string) ([]Record, error) {
	all, err := g.Records(nil)
	if err != nil {
		return nil, err
	}
	kept := map[string]bool{}
	for _, x := range all {
		kept[x.Key] = true
	}
	for _, key := range old {
		if !kept[key] {
			all = append(all, Record{Key: key})
		}
	}
	return all, nil
}

func (g *Group) sameHeader(o *Group) bool {
	return g.public == o.public && g.status == o.status && g.reInit == o.reInit && g.successor == o.successor &&
		bytes.Equal(g.lastOwn, o.lastOwn)
}

// keptEpoch is an epoch of which something is kept, the present one or a past one.
type keptEpoch struct {
	*public
	messages   *keyschedule.SecretTree
	past       bool
	senderData ciphersuite.Secret // of a past one
	newer      *treekem.Tree      // of the epoch that came after a past one: only what differs from it is stored
}

// keptEpochs lists the epochs, the newest first. For a member that was removed, the present one is over.
func (g *Group) keptEpochs() []keptEpoch {
	if g.public == nil {
		return nil
	}
	var out []keptEpoch
	if g.pastOf(g.public) == nil {
		out = append(out, keptEpoch{public: g.public, messages: g.messages})
	}
	newer := g.tree
	for _, p := range g.past {
		out = append(out, keptEpoch{p.public, p.messages, true, p.senderData, newer})
		newer = p.tree
	}
	return out
}

func keptPublic(p *public) []keptEpoch {
	if p == nil {
		return nil
	}
	return []keptEpoch{{public: p}}
}

// findEpoch returns the epoch with a number, and false when there is none.
func findEpoch(list []keptEpoch, e framing.Epoch) (keptEpoch, bool) {
	for _, k := range list {
		if k.Epoch() == e {
			return k, true
		}
	}
	return keptEpoch{}, false
}

// tree records the present tree.
func (r *recorder) tree(now, then *public) {
	var old *treekem.Tree
	if then != nil {
		old = then.tree
	}
	for b := range now.tree.Blocks(old) {
		if b.Data == nil {
			r.drop(blockKey("", b))
		} else {
			r.block("", b)
		}
	}
}

// epochs records what every epoch has of its own, under its number, so that an epoch that becomes past keeps its keys.
func (r *recorder) epochs(now, then []keptEpoch) {
	for _, k := range now {
		old, _ := findEpoch(then, k.Epoch())
		r.epoch(k, old)
	}
	for _, k := range then {
		if _, kept := findEpoch(now, k.Epoch()); !kept {
			r.replace(func(*recorder) {}, func(r *recorder) { r.epoch(k, keptEpoch{}) })
		}
	}
}

func (r *recorder) epoch(now, then keptEpoch) {
	key := fmt.Sprintf("%s/%d", recordEpoch, now.Epoch())
	if now.public != then.public {
		r.public(key, now.public)
	}
	switch senderData := key + "/" + recordSenderData; {
	case now.past && (!then.past || now.senderData != then.senderData):
		r.put(senderData, 128, func(w *recordWriter) { w.secret(now.senderData) })
	case !now.past && then.past:
		r.drop(senderData)
	}
	if now.public == then.public {
		r.messages(key+"/", now.public, now.messages, then.messages)
	} else { // the same number, but another epoch
		r.replace(
			func(r *recorder) { r.messages(key+"/", now.public, now.messages, nil) },
			func(r *recorder) { r.messages(key+"/", then.public, then.messages, nil) })
	}
	if now.public != then.public || now.newer != then.newer {
		r.replace(
			func(r *recorder) { r.overrides(key+"/", now) },
			func(r *recorder) { r.overrides(key+"/", then) })
	}
}

// overrides records the blocks in which the tree of a past epoch differs from the next one.
func (r *recorder) overrides(prefix string, k keptEpoch) {
	if k.newer == nil {
		return
	}
	for b := range k.tree.Blocks(k.newer) {
		r.block(prefix, b)
	}
}

func (r *recorder) public(key string, p *public) {
	r.put(key, 512, func(w *recordWriter) {
		w.value(&p.context)
		w.Opaque(p.tag)
		w.Uint32(p.tree.Width())
	})
}
