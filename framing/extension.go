package framing

// RFC 9420, Section 13.4: Extensions.

// Extension is a typed opaque value (RFC 9420, Section 13.4). Unknown types survive a round trip.
type Extension struct {
	Type ExtensionType
	Data []byte
}

// Extensions is a list of extensions in the order received. RFC 9420 allows each type once.
type Extensions []Extension
