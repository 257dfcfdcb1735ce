package framing

// RFC 9420, Section 13.4: Extensions.

import (
	"slices"

	"github.com/copse-mls/copse/internal/wire"
)

// Extension is a typed opaque value (RFC 9420, Section 13.4). Unknown types survive a round trip.
type Extension struct {
	Type ExtensionType
	Data []byte
}

// Extensions is a list of extensions in the order received. RFC 9420 allows each type once. As a Value it is the vector
// that structures hold (RFC 9420, Section 13.4).
type Extensions []Extension

// ExtensionValue is a structure that is the data of an extension: ApplicationID, RatchetTree, RequiredCapabilities,
// ExternalPub or ExternalSenders.
type ExtensionValue interface {
	Value
	// ExtensionType returns the type under which the structure travels.
	ExtensionType() ExtensionType
}

// NewExtension encodes v as an extension (RFC 9420, Section 13.4).
func NewExtension(v ExtensionValue) (Extension, error) {
	data, err := Marshal(v)
	return Extension{Type: v.ExtensionType(), Data: data}, err
}

// Find returns the data of the first extension of type t, and whether there is one.
func (e Extensions) Find(t ExtensionType) ([]byte, bool) {
	for i := range e {
		if e[i].Type == t {
			return e[i].Data, true
		}
	}
	return nil, false
}

// Get decodes the extension of v's type into v and reports whether there is one. Data that v's structure does not use
// up is a *SyntaxError. v aliases the extension's data.
func (e Extensions) Get(v ExtensionValue) (bool, error) {
	data, ok := e.Find(v.ExtensionType())
	if !ok {
		return false, nil
	}
	return true, unmarshal(data, v)
}

// Check fails with a *RuleError for a type that occurs twice (rule V-EXT-01), and a *SyntaxError for an extension of
// RFC 9420 whose data is not its structure. It leaves ratchet_tree to WalkRatchetTree, which reads a tree once.
func (e Extensions) Check() error {
	types := make([]ExtensionType, len(e))
	for i := range e {
		types[i] = e[i].Type
	}
	if t, found := firstRepeated(types); found {
		return &RuleError{Rule: "V-EXT-01", Leaf: NoLeaf, Detail: "extension " + t.String() + " occurs twice"}
	}
	for i := range e {
		if v := checkedValue(e[i].Type); v != nil {
			if err := unmarshal(e[i].Data, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckPlacement returns a *RuleError (rule V-EXT-02) for an extension of RFC 9420 that is not one of those allowed at
// the place of the list. Types that RFC 9420 does not define may stand anywhere.
func (e Extensions) CheckPlacement(allowed ...ExtensionType) error {
	for _, x := range e {
		if x.Type.IsDefault() && !slices.Contains(allowed, x.Type) {
			return &RuleError{Rule: "V-EXT-02", Leaf: NoLeaf, Detail: "extension " + x.Type.String() + " does not belong there"}
		}
	}
	return nil
}

func checkedValue(t ExtensionType) Value {
	switch t {
	case ExtensionTypeApplicationID:
		return new(ApplicationID)
	case ExtensionTypeRequiredCapabilities:
		return new(RequiredCapabilities)
	case ExtensionTypeExternalPub:
		return new(ExternalPub)
	case ExtensionTypeExternalSenders:
		return new(ExternalSenders)
	default:
		return nil
	}
}

func (*Extensions) structName() string      { return "Extensions" }
func (e *Extensions) encode(w *wire.Writer) { writeList(w, *e) }
func (e *Extensions) decode(r *wire.Reader) { *e = readList[Extension](r.Field("extensions")) }

func (*Extension) structName() string { return "Extension" }

func (e *Extension) encode(w *wire.Writer) {
	w.Uint16(uint16(e.Type))
	w.Opaque(e.Data)
}

func (e *Extension) decode(r *wire.Reader) {
	*e = Extension{
		Type: ExtensionType(r.Field("extension_type").Uint16()),
		Data: r.Field("extension_data").Opaque(),
	}
}
