package vectors

import (
	"fmt"

	"github.com/copse-mls/copse/framing"
)

// messages is a case of messages.json: one sample of each structure that clients exchange.
type messages struct {
	Welcome    hexBytes `json:"mls_welcome"`
	GroupInfo  hexBytes `json:"mls_group_info"`
	KeyPackage hexBytes `json:"mls_key_package"`

	RatchetTree  hexBytes `json:"ratchet_tree"`
	GroupSecrets hexBytes `json:"group_secrets"`

	Add                    hexBytes `json:"add_proposal"`
	Update                 hexBytes `json:"update_proposal"`
	Remove                 hexBytes `json:"remove_proposal"`
	PreSharedKey           hexBytes `json:"pre_shared_key_proposal"`
	ReInit                 hexBytes `json:"re_init_proposal"`
	ExternalInit           hexBytes `json:"external_init_proposal"`
	GroupContextExtensions hexBytes `json:"group_context_extensions_proposal"`

	Commit hexBytes `json:"commit"`

	PublicApplication hexBytes `json:"public_message_application"`
	PublicProposal    hexBytes `json:"public_message_proposal"`
	PublicCommit      hexBytes `json:"public_message_commit"`
	Private           hexBytes `json:"private_message"`
}

func replayMessages(t *trial, c *messages) {
	message[*framing.Welcome](t, "mls_welcome", c.Welcome)
	message[*framing.GroupInfo](t, "mls_group_info", c.GroupInfo)
	message[*framing.KeyPackage](t, "mls_key_package", c.KeyPackage)

	t.decode("ratchet_tree", c.RatchetTree, new(framing.RatchetTree))
	t.decode("group_secrets", c.GroupSecrets, new(framing.GroupSecrets))

	t.decode("add_proposal", c.Add, new(framing.Add))
	t.decode("update_proposal", c.Update, new(framing.Update))
	t.decode("remove_proposal", c.Remove, new(framing.Remove))
	t.decode("pre_shared_key_proposal", c.PreSharedKey, new(framing.PreSharedKey))
	t.decode("re_init_proposal", c.ReInit, new(framing.ReInit))
	t.decode("external_init_proposal", c.ExternalInit, new(framing.ExternalInit))
	t.decode("group_context_extensions_proposal", c.GroupContextExtensions, new(framing.GroupContextExtensions))

	t.decode("commit", c.Commit, new(framing.Commit))

	public(t, "public_message_application", c.PublicApplication, framing.ContentTypeApplication)
	public(t, "public_message_proposal", c.PublicProposal, framing.ContentTypeProposal)
	public(t, "public_message_commit", c.PublicCommit, framing.ContentTypeCommit)
	message[*framing.PrivateMessage](t, "private_message", c.Private)
}

// message decodes an MLSMessage that has to carry a B.
func message[B framing.MessageBody](t *trial, check string, data []byte) (body B, ok bool) {
	var m framing.Message
	if !t.decode(check, data, &m) {
		return body, false
	}
	if body, ok = m.Body.(B); !ok {
		t.fail(check+" carries", fmt.Sprintf("%T", m.Body), fmt.Sprintf("%T", body))
	}
	return body, ok
}

// public decodes an MLSMessage that has to carry a PublicMessage with content of type want.
func public(t *trial, check string, data []byte, want framing.ContentType) {
	if m, ok := message[*framing.PublicMessage](t, check, data); ok {
		same(t, check+" content type", m.Content.ContentType, want)
	}
}
