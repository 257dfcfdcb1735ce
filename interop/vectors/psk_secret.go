package vectors

import (
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// pskSecret is a case of psk_secret.json: external PSKs and what they combine to.
type pskSecret struct {
	suited
	PSKs      []injectedPSK `json:"psks"`
	PSKSecret hexBytes      `json:"psk_secret"`
}

// injectedPSK is an external PSK as one commit uses it.
type injectedPSK struct {
	ID    hexBytes `json:"psk_id"`
	PSK   hexBytes `json:"psk"`
	Nonce hexBytes `json:"psk_nonce"`
}

func (p *injectedPSK) id() framing.PreSharedKeyID {
	return framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal, PSKID: p.ID, PSKNonce: p.Nonce}
}

func replayPSKSecret(t *trial, c *pskSecret) {
	psks := make([]keyschedule.PSK, len(c.PSKs))
	for i, p := range c.PSKs {
		psks[i] = keyschedule.PSK{ID: p.id(), Secret: p.PSK.secret()}
	}
	secret, err := keyschedule.PSKSecret(t.suite, psks)
	if t.succeeds("psk_secret", err) {
		t.equal("psk_secret", secret.Bytes(), c.PSKSecret)
	}
}
