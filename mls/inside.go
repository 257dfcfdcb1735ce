package mls

import (
	"errors"

	"github.com/copse-mls/copse/mls/internal/inside"
)

// Reveal shows package mlstest what the member knows. The type of its parameter cannot be named elsewhere; applications
// that need the state of a Group store its records.
func (g *Group) Reveal(to *inside.Parts) {
	if to == nil {
		return
	}
	*to = inside.Parts{
		Suite: g.suite, Context: g.context, Tree: g.tree, ConfirmationTag: g.tag,
		Private: g.private, Secrets: g.secrets, Messages: g.messages,
	}
}

// Assemble makes a Group of its parts for package mlstest, without any check. The type of its parameter cannot be named
// elsewhere; applications load stored records.
func Assemble(from *inside.Parts, params Params) (*Group, error) {
	if from == nil {
		return nil, errors.New("mls: nothing to assemble")
	}
	p, err := newPublic(from.Suite, params.withDefaults(), from.Context, from.Tree)
	if err != nil {
		return nil, err
	}
	p.confirm(from.ConfirmationTag)
	return &Group{epochState: epochState{public: p, private: from.Private, secrets: from.Secrets, messages: from.Messages}}, nil
}
