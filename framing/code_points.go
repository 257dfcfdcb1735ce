package framing

// RFC 9420, Sections 13.5 and 17: code points, those of GREASE among them.

import (
	"fmt"
	"slices"
)

// ProtocolVersion is a version of MLS (RFC 9420, Section 6).
type ProtocolVersion uint16

// MLS10 is the version that RFC 9420 defines.
const MLS10 ProtocolVersion = 1

// String returns the version's name in RFC 9420, or its code point in hexadecimal.
func (v ProtocolVersion) String() string { return codeName(v, "mls10") }

// WireFormat says what a Message carries (RFC 9420, Section 17.2).
type WireFormat uint16

// The wire formats of RFC 9420, Section 17.2.
const (
	WireFormatPublicMessage  WireFormat = 1
	WireFormatPrivateMessage WireFormat = 2
	WireFormatWelcome        WireFormat = 3
	WireFormatGroupInfo      WireFormat = 4
	WireFormatKeyPackage     WireFormat = 5
)

// String returns the registered name, or the code point in hexadecimal.
func (f WireFormat) String() string {
	return codeName(f, "mls_public_message", "mls_private_message", "mls_welcome", "mls_group_info", "mls_key_package")
}

// CredentialType is the code point of a kind of credential (RFC 9420, Section 17.5).
type CredentialType uint16

// The credential types of RFC 9420, Section 17.5.
const (
	CredentialTypeBasic CredentialType = 1
	CredentialTypeX509  CredentialType = 2
)

// String returns the registered name, or the code point in hexadecimal.
func (t CredentialType) String() string { return codeName(t, "basic", "x509") }

// ExtensionType is the code point of an extension (RFC 9420, Section 17.3).
type ExtensionType uint16

// The extension types of RFC 9420, Section 17.3, and one of a draft.
const (
	ExtensionTypeApplicationID        ExtensionType = 1
	ExtensionTypeRatchetTree          ExtensionType = 2
	ExtensionTypeRequiredCapabilities ExtensionType = 3
	ExtensionTypeExternalPub          ExtensionType = 4
	ExtensionTypeExternalSenders      ExtensionType = 5
	ExtensionTypeAppDataDictionary    ExtensionType = 6 // draft-ietf-mls-extensions
)

// String returns the registered name, or the code point in hexadecimal.
func (t ExtensionType) String() string {
	return codeName(t, "application_id", "ratchet_tree", "required_capabilities", "external_pub", "external_senders",
		"app_data_dictionary", "supported_wire_formats", "required_wire_formats", "", "last_resort_key_package")
}

// IsDefault reports whether every client knows the type, so that Capabilities do not list it (RFC 9420, Section 7.2).
func (t ExtensionType) IsDefault() bool {
	return t >= ExtensionTypeApplicationID && t <= ExtensionTypeExternalSenders
}

// ProposalType is the code point of a kind of proposal (RFC 9420, Section 17.4).
type ProposalType uint16

// The proposal types of RFC 9420, Section 17.4, and from 8 on those of draft-ietf-mls-extensions.
const (
	ProposalTypeAdd                    ProposalType = 1
	ProposalTypeUpdate                 ProposalType = 2
	ProposalTypeRemove                 ProposalType = 3
	ProposalTypePSK                    ProposalType = 4
	ProposalTypeReInit                 ProposalType = 5
	ProposalTypeExternalInit           ProposalType = 6
	ProposalTypeGroupContextExtensions ProposalType = 7
	ProposalTypeAppDataUpdate          ProposalType = 8
	ProposalTypeAppEphemeral           ProposalType = 9
	ProposalTypeSelfRemove             ProposalType = 10
)

// String returns the registered name, or the code point in hexadecimal.
func (t ProposalType) String() string {
	return codeName(t, "add", "update", "remove", "psk", "reinit", "external_init", "group_context_extensions",
		"app_data_update", "app_ephemeral", "self_remove")
}

// IsDefault reports whether every client knows the type, so that Capabilities do not list it (RFC 9420, Section 7.2).
func (t ProposalType) IsDefault() bool {
	return t >= ProposalTypeAdd && t <= ProposalTypeGroupContextExtensions
}

// IsCustom reports whether proposals of the type are CustomProposals: whether this package knows no structure for them.
func (t ProposalType) IsCustom() bool {
	return !t.IsDefault() && (t < ProposalTypeAppDataUpdate || t > ProposalTypeSelfRemove)
}

// IsGREASE reports whether a code point of any registry is reserved for GREASE (RFC 9420, Section 13.5). It is for
// senders, who put such values in, for displays, and for counting support, of which a listed GREASE value is no sign;
// otherwise receivers treat them as any unknown value.
func IsGREASE(code uint16) bool {
	high, low := code>>8, code&0xff
	return high == low && low&0x0f == 0x0a && low != 0xfa
}

// codeName returns names[v-1], or the Go type's name and v in hexadecimal where there is none.
func codeName[T ~uint8 | ~uint16](v T, names ...string) string {
	if v > 0 && int(v) <= len(names) && names[v-1] != "" {
		return names[v-1]
	}
	// %T reads framing.WireFormat.
	return fmt.Sprintf("%s(0x%04x)", fmt.Sprintf("%T", v)[len("framing."):], uint16(v))
}

// firstRepeated finds a code point that occurs twice. Its cost is linear, since code points are only 16 bits wide.
func firstRepeated[T ~uint16](codes []T) (T, bool) {
	if len(codes) <= 16 { // the usual case needs no table
		for i, c := range codes {
			if slices.Contains(codes[:i], c) {
				return c, true
			}
		}
		return 0, false
	}
	var seen [1 << 16 / 64]uint64
	for _, c := range codes {
		word, bit := &seen[c>>6], uint64(1)<<(c&63)
		if *word&bit != 0 {
			return c, true
		}
		*word |= bit
	}
	return 0, false
}
