package inspect

import (
	"slices"
	"strings"

	"github.com/copse-mls/copse/framing"
)

// structure is what the inspector knows about a structure of RFC 9420 beyond what its decoder reads.
type structure struct {
	name    string
	section string
	empty   func() framing.Value // nil for those that only occur within others
	named   bool                 // must be named: its bytes have nothing by which to recognize it
}

func empty[T any, P interface {
	*T
	framing.Value
}]() framing.Value {
	return P(new(T))
}

// extensionsDraft stands where a section of RFC 9420 stands elsewhere.
const extensionsDraft = "draft-ietf-mls-extensions"

// structures lists all of them. Among readings that are equally likely, the first is preferred.
func structures() []structure {
	return []structure{
		{"MLSMessage", "6", empty[framing.Message], false},
		{"KeyPackage", "10", empty[framing.KeyPackage], false},
		{"GroupInfo", "12.4.3", empty[framing.GroupInfo], false},
		{"Welcome", "12.4.3.1", empty[framing.Welcome], false},
		{"GroupContext", "8.1", empty[framing.GroupContext], false},
		{"GroupSecrets", "12.4.3.1", empty[framing.GroupSecrets], false},
		{"PublicMessage", "6.2", empty[framing.PublicMessage], false},
		{"PrivateMessage", "6.3", empty[framing.PrivateMessage], false},
		{"AuthenticatedContent", "6", empty[framing.UnverifiedContent], false},
		{"FramedContent", "6", empty[framing.FramedContent], false},
		{"RatchetTree", "12.4.3.3", empty[framing.RatchetTree], false},
		{"LeafNode", "7.2", empty[framing.LeafNode], false},
		{"ParentNode", "7.1", empty[framing.ParentNode], false},
		{"Node", "12.4.3.3", empty[framing.Node], false},
		{"Commit", "12.4", empty[framing.Commit], false},
		{"Proposal", "12.1", empty[framing.TaggedProposal], false},
		{"ProposalOrRef", "12.4", empty[framing.ProposalOrRef], false},
		{"UpdatePath", "7.6", empty[framing.UpdatePath], false},
		{"UpdatePathNode", "7.6", empty[framing.UpdatePathNode], false},
		{"Extensions", "13.4", empty[framing.Extensions], false},
		{"Extension", "13.4", empty[framing.Extension], false},
		{"Credential", "5.3", empty[framing.Credential], false},
		{"Capabilities", "7.2", empty[framing.Capabilities], false},
		{"RequiredCapabilities", "11.1", empty[framing.RequiredCapabilities], false},
		{"ExternalSenders", "12.1.8.1", empty[framing.ExternalSenders], false},
		{"ExternalSender", "12.1.8.1", empty[framing.ExternalSender], false},
		{"EncryptedGroupSecrets", "12.4.3.1", empty[framing.EncryptedGroupSecrets], false},
		{"PreSharedKeyID", "8.4", empty[framing.PreSharedKeyID], false},
		{"ReInit", "12.1.5", empty[framing.ReInit], false},
		{"Add", "12.1.1", empty[framing.Add], false},
		{"Update", "12.1.2", empty[framing.Update], false},
		{"PreSharedKey", "12.1.4", empty[framing.PreSharedKey], false},
		{"GroupContextExtensions", "12.1.7", empty[framing.GroupContextExtensions], false},
		{"ExternalInit", "12.1.6", empty[framing.ExternalInit], false},
		{"ExternalPub", "12.4.3.2", empty[framing.ExternalPub], false},
		{"Remove", "12.1.3", empty[framing.Remove], false},
		{"ApplicationID", "5.3.3", empty[framing.ApplicationID], true},
		{"Lifetime", "7.2", empty[framing.Lifetime], true},
		{"Sender", "6", empty[framing.Sender], true},
		{"SenderData", "6.3.2", empty[framing.SenderData], true},
		{"AppDataUpdate", extensionsDraft, empty[framing.AppDataUpdate], true},
		{"AppEphemeral", extensionsDraft, empty[framing.AppEphemeral], true},
		{"AppDataDictionary", extensionsDraft, empty[framing.AppDataDictionary], true},
		{"SafeAAD", extensionsDraft, empty[framing.SafeAAD], true},
		{"ComponentsList", extensionsDraft, empty[framing.ComponentsList], true},
		{"ComponentData", extensionsDraft, nil, false},
		{"SelfRemove", extensionsDraft, nil, false},
		{"PSKLabel", "8.4", func() framing.Value { return new(framing.PreSharedKeyID).Label(0, 0) }, true},
		{"CustomProposal", "12.1", nil, false},
		{"HPKECiphertext", "7.6", nil, false},
		{"FramedContentAuthData", "6.1", nil, false},
	}
}

// Types lists the names that Params.Type may have.
func Types() []string {
	var out []string
	for _, s := range structures() {
		if s.empty != nil {
			out = append(out, s.name)
		}
	}
	return out
}

// structureOf finds a structure by its RFC name, in any case.
func structureOf(name string) (structure, bool) {
	all := structures()
	i := slices.IndexFunc(all, func(s structure) bool { return strings.EqualFold(s.name, name) })
	if i < 0 {
		return structure{}, false
	}
	return all[i], true
}

// sections maps a structure's name to the section that defines it.
func sections() map[string]string {
	out := map[string]string{}
	for _, s := range structures() {
		out[s.name] = s.section
	}
	return out
}

// extensionValue returns an empty structure for the data of an extension of RFC 9420, nil for other extensions.
func extensionValue(t framing.ExtensionType) framing.Value {
	switch t {
	case framing.ExtensionTypeApplicationID:
		return new(framing.ApplicationID)
	case framing.ExtensionTypeRatchetTree:
		return new(framing.RatchetTree)
	case framing.ExtensionTypeRequiredCapabilities:
		return new(framing.RequiredCapabilities)
	case framing.ExtensionTypeAppDataDictionary:
		return new(framing.AppDataDictionary)
	case framing.ExtensionTypeExternalPub:
		return new(framing.ExternalPub)
	case framing.ExtensionTypeExternalSenders:
		return new(framing.ExternalSenders)
	}
	return nil
}
