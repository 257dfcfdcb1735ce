// Package inside is how mls/mlstest and the tests of mls look into a Group, put one together, and fix its randomness.
// Package mls hangs its functions in here while a program is initialized, so that none of them shows in the
// documentation of mls. Others cannot call them, for they cannot import this package.
package inside

import (
	"io"

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

// Hooks are functions of package mls. Types of mls are any here, because mls imports this package.
type Hooks struct {
	Reveal   func(group any) Parts                             // of a *mls.Group
	Assemble func(p *Parts, params any) (group any, err error) // from mls.Params to a *mls.Group
	Rand     func(params any) *io.Reader                       // of a *mls.Params
}

var hooks Hooks

// Set hangs the functions of mls in. It reports true, so that a package variable can call it.
func Set(h Hooks) bool {
	hooks = h
	return true
}

// Reveal returns what the member knows whose view group, a *mls.Group, is.
func Reveal(group any) Parts { return hooks.Reveal(group) }

// Assemble makes a *mls.Group of its parts and of a mls.Params, without any check.
func Assemble(p *Parts, params any) (group any, err error) { return hooks.Assemble(p, params) }

// Rand returns where a *mls.Params holds its source of randomness. Nil stands for crypto/rand.Reader.
func Rand(params any) *io.Reader { return hooks.Rand(params) }
