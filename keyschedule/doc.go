// Package keyschedule derives the secrets of an epoch and the keys of its messages (RFC 9420, Sections 8 and 9). Start
// with the function for the way into the epoch: [NewGroup] for the creator of a group, [InitSecret.Joiner] for a member
// that makes or handles a Commit, [NewJoinerSecret] for a member that joins by a Welcome.
//
// In a Commit, the way from one epoch to the next is
//
//	joiner, err := old.InitSecret.Joiner(commitSecret, groupContext)
//	member, err := joiner.Member(pskSecret)
//	welcome, err := member.WelcomeSecret() // if the Commit adds members
//	secrets, encryption, err := member.Epoch(groupContext)
//	tree, err := keyschedule.NewSecretTree(encryption, params)
//
// and in an external Commit, the InitSecret is one from [SendExternalInit] or [EpochSecrets.ReceiveExternalInit].
//
// Each type has one way on, so that the secrets cannot be combined in a wrong order:
//
//	InitSecret --commit secret--> JoinerSecret --PSK secret--> MemberSecret --GroupContext--> EpochSecrets
//	                                                                |                         EncryptionSecret
//	                                                                +-> welcome secret              |
//	                                                                                           SecretTree
//
// [SecretTree.SendingKey] and [SecretTree.ReceivingKey] return message keys.
//
// # Who erases what
//
// A secret has one owner. A function that consumes a secret in the sense of RFC 9420, Section 9.2 says so and erases
// it, whether or not it succeeds; every other function borrows. Asked for something that was erased, functions fail with
// ErrErased: an erased secret never turns into the empty or the all-zero one.
//
//	secret               owner                   erased
//	init_secret          EpochSecrets            EraseEnded, once the next epoch is adopted
//	  of external init   caller                  by the caller, after InitSecret.Joiner
//	commit_secret        caller                  by InitSecret.Joiner
//	joiner_secret        caller                  by the caller, after the Welcome of the epoch is made, if any
//	psk_secret           caller                  by JoinerSecret.Member
//	member secret        caller                  by MemberSecret.Epoch
//	welcome_secret       caller                  by the caller, after the group info is sealed or opened
//	epoch_secret         MemberSecret.Epoch      before it returns
//	encryption_secret    caller                  passes to the SecretTree, which erases it with EraseExcept
//	all of EpochSecrets  caller                  EraseEnded when the epoch ends, Erase when the group is left
//	message keys         caller                  after the one message
//
// Values are immutable. SecretTree hands out a key together with the tree that no longer holds it, and leaves itself as
// it was; the caller adopts the successor when the message has proved genuine, and only then erases what it replaces.
// A forged message therefore costs the genuine one nothing.
package keyschedule
