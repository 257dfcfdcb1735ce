package mls

import (
	"io"

	"github.com/copse-mls/copse/mls/internal/inside"
)

// Package mlstest and the tests of this package look into a Group by these functions. Nothing else may use them.
var _ = inside.Set(inside.Hooks{
	Reveal:   func(group any) inside.Parts { return group.(*Group).reveal() },
	Assemble: func(p *inside.Parts, params any) (any, error) { return assemble(p, params.(Params)) },
	Rand:     func(params any) *io.Reader { return &params.(*Params).rand },
})

func (g *Group) reveal() inside.Parts {
	return inside.Parts{
		Suite: g.suite, Context: g.context, Tree: g.tree, ConfirmationTag: g.tag,
		Private: g.private, Secrets: g.secrets, Messages: g.messages,
	}
}

func assemble(from *inside.Parts, params Params) (*Group, error) {
	p, err := newPublic(from.Suite, params.withDefaults(), from.Context, from.Tree)
	if err != nil {
		return nil, err
	}
	state := epochState{public: p.confirmed(from.ConfirmationTag), private: from.Private, secrets: from.Secrets, messages: from.Messages}
	return &Group{groupState: groupState{epochState: state}}, nil
}
