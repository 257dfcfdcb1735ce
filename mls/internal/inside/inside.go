// Package inside lets mls/mlstest and the tests of mls look into a Group, assemble one, and fix its randomness. Package mls
// registers its functions here by Set when a program is initialized, so that none of them is in the documentation of mls.
// Others cannot call them, because they cannot import this package.
package inside

import (
	"io"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// Parts are what a member has in one epoch. What Reveal returns stays the Group's: its secrets must not be changed or
// erased.
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

// Set registers the functions of mls. It returns true, so that a package variable can call it.
func Set(h Hooks) bool {
	hooks = h
	return true
}

// Reveal returns what the member has in group, a *mls.Group.
func Reveal(group any) Parts { return hooks.Reveal(group) }

// Assemble makes a *mls.Group from its parts and a mls.Params, without any check.
func Assemble(p *Parts, params any) (group any, err error) { return hooks.Assemble(p, params) }

// Rand returns a pointer to the source of randomness of a *mls.Params. A nil Reader means crypto/rand.Reader.
func Rand(params any) *io.Reader { return hooks.Rand(params) }
