// Package inside is a window into a Group for this module's own tests and for mls/mlstest: mls.Reveal fills in Parts,
// and mls.Assemble makes a Group of them. Others cannot name Parts, for they cannot import this package.
package inside

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// Parts are what a member knows in one epoch. What a Group reveals stays the Group's: its secrets are not to be changed
// or erased.
type Parts struct {
	Suite           *ciphersuite.Suite
	Context         framing.GroupContext
	Tree            *treekem.Tree
	ConfirmationTag []byte
	Private         *treekem.PrivatePath
	Secrets         *keyschedule.EpochSecrets
	Messages        *keyschedule.SecretTree
}
