package inspect

import (
	"fmt"
	"strings"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// codeKind says what is known about a number in a field of code points.
type codeKind uint8

const (
	notCode     codeKind = iota // the field does not hold code points
	registered                  // RFC 9420 names it
	grease                      // RFC 9420, Section 13.5
	privateUse                  // RFC 9420, Section 17
	unknownCode                 // none of these
)

// codeOf classifies a code point by the RFC name of its field, whose plural is a list.
func codeOf(field string, code uint16) codeKind {
	_, kind := nameOf(field, uint64(code))
	return kind
}

// nameOf names the value of a field that holds code points.
func nameOf(field string, v uint64) (string, codeKind) {
	var name fmt.Stringer
	switch open := uint16(v); field {
	case "version", "versions":
		name = framing.ProtocolVersion(open)
	case "cipher_suite", "cipher_suites":
		name = ciphersuite.CipherSuite(open)
	case "wire_format":
		name = framing.WireFormat(open)
	case "credential_type", "credential_types", "credentials":
		name = framing.CredentialType(open)
	case "extension_type", "extension_types", "extensions":
		name = framing.ExtensionType(open)
	case "component_id", "component_ids":
		return nameOfComponent(framing.ComponentID(open))
	case "proposal_type", "proposal_types", "proposals":
		name = framing.ProposalType(open)
	default:
		if name = enumOf(field, uint8(v)); name == nil {
			return "", notCode
		}
	}
	if s := name.String(); !strings.HasSuffix(s, ")") {
		return s, registered
	}
	switch code := uint16(v); {
	case framing.IsGREASE(code):
		return "GREASE", grease
	case code >= 0xf000:
		return "private use", privateUse
	}
	return "unknown", unknownCode
}

// nameOfComponent names a component of an application, of which the upper half of the numbers are for private use.
func nameOfComponent(id framing.ComponentID) (string, codeKind) {
	switch s := id.String(); {
	case !strings.HasSuffix(s, ")"):
		return s, registered
	case framing.IsGREASE(uint16(id)) && id < 0x8000:
		return "GREASE", grease
	case id >= 0x8000:
		return "private use", privateUse
	}
	return "unknown", unknownCode
}

// enumOf returns the value of a field with a closed enumeration.
func enumOf(field string, v uint8) fmt.Stringer {
	switch field {
	case "content_type":
		return framing.ContentType(v)
	case "sender_type":
		return framing.SenderType(v)
	case "leaf_node_source":
		return framing.LeafNodeSource(v)
	case "psktype":
		return framing.PSKType(v)
	case "usage":
		return framing.ResumptionPSKUsage(v)
	case "node_type":
		return framing.NodeType(v)
	case "type":
		return proposalOrRefType(v)
	}
	return nil
}

// proposalOrRefType is ProposalOrRefType of RFC 9420, Section 12.4.
type proposalOrRefType uint8

func (t proposalOrRefType) String() string {
	switch t {
	case 1:
		return "proposal"
	case 2:
		return "reference"
	}
	return fmt.Sprintf("ProposalOrRefType(%d)", uint8(t))
}

// lastSecond is the end of the year 9999, after which dates have no usual form.
const lastSecond = 253402300799

// date returns a time in seconds since 1970 (RFC 9420, Section 7.2).
func date(seconds uint64) string {
	if seconds > lastSecond {
		return "after the year 9999"
	}
	return time.Unix(int64(seconds), 0).UTC().Format("2006-01-02 15:04:05 UTC")
}
