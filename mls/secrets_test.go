package mls

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/keyschedule"
)

// SecretsOf lists every secret that a Group holds, for tests of what becomes of them.
func SecretsOf(g *Group) []ciphersuite.Secret {
	if g == nil || g.public == nil {
		return nil
	}
	out := secretsOfEpoch(&g.epochState)
	for _, p := range g.proposals.all() {
		out = append(out, p.leafKey.Private)
	}
	if g.pending != nil {
		out = append(out, secretsOfEpoch(g.pending.next)...)
	}
	for _, p := range g.past {
		out = append(append(out, p.senderData), secretsOfMessages(p.messages)...)
	}
	for _, p := range g.resumption {
		out = append(out, p.secret)
	}
	if g.successor != nil {
		out = append(out, g.successor.psk)
	}
	return out
}

func secretsOfEpoch(e *epochState) (out []ciphersuite.Secret) {
	if e.secrets != nil {
		for _, s := range epochSecrets(e.secrets) {
			out = append(out, *s)
		}
		out = append(out, e.secrets.InitSecret.Secret())
	}
	for _, pair := range e.private.Keys() {
		out = append(out, pair.Private)
	}
	return append(out, secretsOfMessages(e.messages)...)
}

func secretsOfMessages(t *keyschedule.SecretTree) (out []ciphersuite.Secret) {
	if t == nil {
		return nil
	}
	for n := range t.Nodes(nil) {
		out = append(out, n.Secret)
	}
	for r := range t.Ratchets(nil) {
		out = append(out, r.Secret)
	}
	for b := range t.Skipped(nil) {
		for _, k := range b.Keys {
			out = append(out, k.Material)
		}
	}
	return out
}
