package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// product is what a step makes for later steps to refer to.
type product string

const (
	aGroup      product = "group"
	aKeyPackage product = "KeyPackage"
	aPSK        product = "PSK"
	aProposal   product = "proposal"
	aCiphertext product = "ciphertext"
	aCommit     product = "commit"
	aWelcome    product = "Welcome"
)

// action is a word of the script language.
type action struct {
	play     func(*play, *Step) error
	required string // fields beside the action, separated by spaces
	optional string
	makes    []product
	anywhere bool // may come before there is a group
}

// actions is the script language.
var actions = map[string]action{
	"createGroup":      {play: (*play).createGroup, required: "actor", optional: "members", makes: []product{aGroup}},
	"createKeyPackage": {play: (*play).createKeyPackage, required: "actor", makes: []product{aKeyPackage}, anywhere: true},
	"joinGroup":        {play: (*play).joinGroup, required: "actor welcome"},
	"externalJoin": {play: (*play).externalJoin, required: "actor joiner",
		optional: "members externalTree removePrior psks", makes: []product{aCommit}},
	"installExternalPSK": {play: (*play).installPSK, required: "clients", makes: []product{aPSK}},
	"groupInfo":          {play: (*play).groupInfo, required: "actor", optional: "externalTree"},
	"protect":            {play: (*play).protect, required: "actor", optional: "plaintext authenticatedData", makes: []product{aCiphertext}},
	"unprotect":          {play: (*play).unprotect, required: "actor ciphertext"},

	"addProposal":           {play: (*play).addProposal, required: "actor keyPackage", makes: []product{aProposal}},
	"updateProposal":        {play: (*play).updateProposal, required: "actor", makes: []product{aProposal}},
	"removeProposal":        {play: (*play).removeProposal, required: "actor removed", makes: []product{aProposal}},
	"externalPSKProposal":   {play: (*play).externalPSKProposal, required: "actor pskID", makes: []product{aProposal}},
	"resumptionPSKProposal": {play: (*play).resumptionPSKProposal, required: "actor epochID", makes: []product{aProposal}},
	"groupContextExtensionsProposal": {play: (*play).extensionsProposal, required: "actor extensions",
		makes: []product{aProposal}},
	"newMemberAddProposal": {play: (*play).newMemberAddProposal, required: "actor joiner", makes: []product{aProposal}},
	"addExternalSigner":    {play: (*play).addExternalSigner, required: "actor signer", makes: []product{aProposal}},
	"externalSignerProposal": {play: (*play).externalSignerProposal, required: "actor member description",
		makes: []product{aProposal}},

	"commit": {play: (*play).commit, required: "actor", optional: "byReference byValue forcePath externalTree",
		makes: []product{aCommit, aWelcome}},
	"fullCommit": {play: (*play).fullCommit, required: "actor",
		optional: "byReference byValue members joiners forcePath externalTree", makes: []product{aCommit, aWelcome}},
	"handleCommit":        {play: (*play).handleCommit, required: "actor commit", optional: "byReference"},
	"handlePendingCommit": {play: (*play).handlePendingCommit, required: "actor"},

	"branch": {play: (*play).branch, required: "actor members", optional: "extensions forcePath externalTree"},
	"reinit": {play: (*play).reinit, required: "committer welcomer",
		optional: "proposer externalReinitProposal members changeCipherSuite changeGroupID extensions forcePath externalTree"},
}

// checkFields judges the names of a step's fields. Case does not count: scripts differ in it.
func (a action) checkFields(fields map[string]any) error {
	has := func(list, name string) bool {
		return slices.ContainsFunc(strings.Fields(list), func(s string) bool { return strings.EqualFold(s, name) })
	}
	for name := range fields {
		if name != "action" && !has(a.required, name) && !has(a.optional, name) {
			return fmt.Errorf("unknown field %q", name)
		}
	}
	for _, want := range strings.Fields(a.required) {
		found := false
		for name, value := range fields {
			found = found || strings.EqualFold(name, want) && value != ""
		}
		if !found {
			return fmt.Errorf("field %q is missing", want)
		}
	}
	return nil
}

// reference is a number in a step that names an earlier step.
type reference struct {
	step int
	what product
}

// references lists what the step refers to.
func (s *Step) references() []reference {
	var out []reference
	add := func(what product, steps ...int) {
		for _, i := range steps {
			out = append(out, reference{i, what})
		}
	}
	add(aProposal, s.ByReference...)
	add(aPSK, s.PSKs...)
	switch s.Action {
	case "addProposal":
		add(aKeyPackage, s.KeyPackage)
	case "externalPSKProposal":
		add(aPSK, s.PSKID)
	case "unprotect":
		add(aCiphertext, s.Ciphertext)
	case "handleCommit":
		add(aCommit, s.Commit)
	case "joinGroup":
		add(aWelcome, s.Welcome)
	case "reinit":
		if s.Proposer == "" {
			add(aProposal, s.ExternalReInitProposal)
		}
	}
	for _, d := range s.described() {
		switch d.ProposalType {
		case "add":
			add(aKeyPackage, d.KeyPackage)
		case "externalPSK":
			add(aPSK, d.PSKID)
		}
	}
	return out
}

// proposalTypes are the kinds of proposals that a Description may be.
var proposalTypes = []string{"add", "remove", "externalPSK", "resumptionPSK", "groupContextExtensions", "reinit"}

// described lists the proposals that the step describes.
func (s *Step) described() []*Description {
	out := slices.Clone(s.ByValue)
	if s.Description != nil {
		out = append(out, s.Description)
	}
	return out
}

// errNoSuite skips a play that needs a second cipher suite.
var errNoSuite = errors.New("the clients have no second cipher suite in common")
