package framing

// RFC 9420, Section 5.3.3: Uniquely Identifying Clients.

import "github.com/copse-mls/copse/internal/wire"

// ApplicationID is the data of an application_id extension (RFC 9420, Section 5.3.3). Any member can claim any ID.
type ApplicationID struct {
	ApplicationID []byte
}

// ExtensionType returns application_id.
func (*ApplicationID) ExtensionType() ExtensionType { return ExtensionTypeApplicationID }

func (*ApplicationID) structName() string      { return "ApplicationID" }
func (a *ApplicationID) encode(w *wire.Writer) { w.Opaque(a.ApplicationID) }
func (a *ApplicationID) decode(r *wire.Reader) { a.ApplicationID = r.Field("application_id").Opaque() }
