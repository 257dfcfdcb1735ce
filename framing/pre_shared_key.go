package framing

// RFC 9420, Section 8.4: Pre-Shared Keys.

import "github.com/copse-mls/copse/internal/wire"

// PSKType says where a pre-shared key comes from (RFC 9420, Section 8.4).
type PSKType uint8

// The types of pre-shared keys (RFC 9420, Section 8.4).
const (
	PSKTypeExternal   PSKType = 1
	PSKTypeResumption PSKType = 2
)

// String returns the type's name in RFC 9420, or its value in hexadecimal.
func (t PSKType) String() string { return codeName(t, "external", "resumption") }

// ResumptionPSKUsage says what a resumption PSK is used for (RFC 9420, Section 8.4).
type ResumptionPSKUsage uint8

// The usages of a resumption PSK (RFC 9420, Section 8.4).
const (
	ResumptionPSKUsageApplication ResumptionPSKUsage = 1
	ResumptionPSKUsageReInit      ResumptionPSKUsage = 2
	ResumptionPSKUsageBranch      ResumptionPSKUsage = 3
)

// String returns the usage's name in RFC 9420, or its value in hexadecimal.
func (u ResumptionPSKUsage) String() string { return codeName(u, "application", "reinit", "branch") }

// PreSharedKeyID names one injection of a pre-shared key (RFC 9420, Section 8.4).
type PreSharedKeyID struct {
	PSKType    PSKType
	PSKID      []byte             // when PSKType is external
	Usage      ResumptionPSKUsage // when PSKType is resumption, as are the next two
	PSKGroupID []byte
	PSKEpoch   Epoch
	PSKNonce   []byte // fresh random bytes, as many as the suite's hash has
}

// pskLabel is the structure PSKLabel (RFC 9420, Section 8.4).
type pskLabel struct {
	ID    PreSharedKeyID
	Index uint16
	Count uint16
}

// Label returns the structure PSKLabel, which binds the key to its place in the list of keys that one commit injects,
// as a Value to be marshalled (RFC 9420, Section 8.4).
func (p *PreSharedKeyID) Label(index, count uint16) Value {
	return &pskLabel{ID: *p, Index: index, Count: count}
}

func (*PreSharedKeyID) structName() string { return "PreSharedKeyID" }

func (p *PreSharedKeyID) encode(w *wire.Writer) {
	writeEnum(w, PSKTypeResumption, p.PSKType)
	switch p.PSKType {
	case PSKTypeExternal:
		w.Opaque(p.PSKID)
	case PSKTypeResumption:
		writeEnum(w, ResumptionPSKUsageBranch, p.Usage)
		w.Opaque(p.PSKGroupID)
		w.Uint64(uint64(p.PSKEpoch))
	}
	w.Opaque(p.PSKNonce)
}

func (p *PreSharedKeyID) decode(r *wire.Reader) {
	*p = PreSharedKeyID{PSKType: readEnum(r.Field("psktype"), PSKTypeResumption)}
	switch p.PSKType {
	case PSKTypeExternal:
		p.PSKID = r.Field("psk_id").Opaque()
	case PSKTypeResumption:
		p.Usage = readEnum(r.Field("usage"), ResumptionPSKUsageBranch)
		p.PSKGroupID = r.Field("psk_group_id").Opaque()
		p.PSKEpoch = Epoch(r.Field("psk_epoch").Uint64())
	}
	p.PSKNonce = r.Field("psk_nonce").Opaque()
}

func (*pskLabel) structName() string { return "PSKLabel" }

func (l *pskLabel) encode(w *wire.Writer) {
	l.ID.encode(w)
	w.Uint16(l.Index)
	w.Uint16(l.Count)
}

func (l *pskLabel) decode(r *wire.Reader) {
	read(r.Field("id"), &l.ID)
	l.Index = r.Field("index").Uint16()
	l.Count = r.Field("count").Uint16()
}
