// Command tour is the chat program of docs/tour.md. Each call is one step of one person: it loads what the person has
// stored, does one thing, stores what came of it, and writes what is to be sent to a file. It shows how an application
// uses package mls, with two exceptions: here all keys follow from names, so that everybody who takes the tour sees the
// same bytes, and no credential is ever doubted.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
)

const usage = `usage: tour NAME VERB [ARGUMENTS], in which NAME does one thing:

  create GROUP               make a group
  publish FILE               make a KeyPackage, for others to add NAME by
  commit FILE [CHANGE...]    make a commit; CHANGE is add FILE, remove NAME or renew
  adopt [FILE]               the commit was taken; FILE gets the Welcome
  drop                       the commit was not taken
  propose FILE CHANGE        ask for a change that somebody else commits
  join FILE                  join by a Welcome
  info FILE                  describe the group in a GroupInfo
  enter INFO FILE            join by a GroupInfo: FILE gets the commit
  say FILE TEXT              encrypt TEXT to the group
  read FILE                  handle any message of the group
  export LABEL               derive a key for something else
  show                       show the group
`

// suite is the only one on the tour.
const suite = ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519

// now is when the tour happens. A real client asks its clock.
var now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// lifetime returns the lifetime of all KeyPackages on the tour.
func lifetime() framing.Lifetime { return mls.LifetimeFrom(now, 60*24*time.Hour) }

func main() {
	if len(os.Args) < 3 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	name, verb, args := os.Args[1], os.Args[2], os.Args[3:]
	p, err := open(name, strings.Join(os.Args[2:], " "))
	if err == nil {
		err = p.do(verb, args)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		if errors.Is(err, errUsage) {
			fmt.Fprint(os.Stderr, "\n", usage)
		}
		os.Exit(1)
	}
}

var (
	errUsage  = errors.New("this was not understood")
	errAlone  = errors.New("in no group")
	errNoFile = errors.New("there is a Welcome to send: name a file for it")
)

// do does what verb says.
func (p *person) do(verb string, args []string) error {
	verbs := map[string]struct {
		least, most int  // arguments
		outside     bool // whether one need not be in a group
		do          func([]string) error
	}{
		"create":  {1, 1, true, p.create},
		"publish": {1, 1, true, p.publish},
		"join":    {1, 1, true, p.join},
		"enter":   {2, 2, true, p.enter},
		"commit":  {1, 99, false, p.commit},
		"adopt":   {0, 1, false, p.adopt},
		"drop":    {0, 0, false, p.drop},
		"propose": {2, 3, false, p.propose},
		"info":    {1, 1, false, p.info},
		"say":     {2, 2, false, p.say},
		"read":    {1, 1, false, p.read},
		"export":  {1, 1, false, p.export},
		"show":    {0, 0, false, p.show},
	}
	v, ok := verbs[verb]
	switch {
	case !ok || len(args) < v.least || len(args) > v.most:
		return errUsage
	case p.group == nil && !v.outside:
		return errAlone
	}
	return v.do(args)
}

func (p *person) create(args []string) error {
	step, err := mls.Create(mls.CreateParams{
		CipherSuite: suite, GroupID: []byte(args[0]), Leaf: p.LeafParams, Lifetime: lifetime(), Params: p.Params})
	return p.take(step, err, "")
}

func (p *person) publish(args []string) error {
	keys, err := mls.NewKeyPackage(mls.KeyPackageParams{
		CipherSuite: suite, Leaf: p.LeafParams, Lifetime: lifetime(), Params: p.Params})
	if err != nil {
		return err
	}
	private, err := keys.Marshal()
	if err != nil {
		return err
	}
	// The private part is stored before anybody can use the public one.
	if err := os.WriteFile(p.file("keys"), private, 0o600); err != nil {
		return err
	}
	message, err := keys.Message()
	if err != nil {
		return err
	}
	return write(args[0], message)
}

func (p *person) join(args []string) error {
	welcome, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	private, err := os.ReadFile(p.file("keys"))
	if err != nil {
		return err
	}
	keys, err := mls.UnmarshalOwnKeyPackage(private)
	if err != nil {
		return err
	}
	defer keys.Erase()
	step, err := mls.Join(mls.JoinParams{
		Welcome: welcome, KeyPackages: []*mls.OwnKeyPackage{keys}, Now: now, Params: p.Params})
	return p.take(step, err, "")
}

// enter joins by an external commit. A member of the same name is what the person was before, and is removed by it.
func (p *person) enter(args []string) error {
	info, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	look, err := mls.Observe(mls.ObserveParams{GroupInfo: info, Now: now})
	if err != nil {
		return err
	}
	params := mls.JoinExternalParams{GroupInfo: info, Leaf: p.LeafParams, Now: now, Params: p.Params}
	if former, err := find(look.Next.Tree(), p.Name); err == nil {
		params.Resync = &former
	}
	step, err := mls.JoinExternal(params)
	return p.take(step, err, args[1])
}

func (p *person) commit(args []string) error {
	params := mls.CommitParams{Now: now}
	for rest := args[1:]; len(rest) > 0; {
		if rest[0] == "renew" {
			params.ForcePath, rest = true, rest[1:]
			continue
		}
		if len(rest) < 2 {
			return errUsage
		}
		proposal, err := p.proposal(rest[0], rest[1])
		if err != nil {
			return err
		}
		params.Proposals, rest = append(params.Proposals, proposal), rest[2:]
	}
	step, err := p.group.Commit(params, p.Signer)
	return p.take(step, err, args[0])
}

// proposal makes the proposal to add the owner of a KeyPackage, or to remove a member.
func (p *person) proposal(kind, what string) (framing.Proposal, error) {
	switch kind {
	case "add":
		data, err := os.ReadFile(what)
		if err != nil {
			return nil, err
		}
		var m framing.Message
		if err := framing.Unmarshal(data, &m); err != nil {
			return nil, err
		}
		k, ok := m.Body.(*framing.KeyPackage)
		if !ok {
			return nil, fmt.Errorf("%s holds no KeyPackage", what)
		}
		return &framing.Add{KeyPackage: k}, nil
	case "remove":
		leaf, err := find(p.group.Tree(), what)
		return &framing.Remove{Removed: leaf}, err
	}
	return nil, errUsage
}

func (p *person) propose(args []string) error {
	params := mls.ProposeParams{Now: now}
	if len(args) == 2 {
		if args[1] != "renew" {
			return errUsage
		}
		step, err := p.group.ProposeUpdate(mls.LeafUpdate{}, params, p.Signer)
		return p.take(step, err, args[0])
	}
	proposal, err := p.proposal(args[1], args[2])
	if err != nil {
		return err
	}
	step, err := p.group.Propose(proposal, params, p.Signer)
	return p.take(step, err, args[0])
}

func (p *person) adopt(args []string) error {
	step, err := p.group.Adopt()
	return p.take(step, err, strings.Join(args, ""))
}

func (p *person) drop([]string) error {
	step, err := p.group.Drop()
	return p.take(step, err, "")
}

func (p *person) say(args []string) error {
	step, err := p.group.Protect([]byte(args[1]), mls.ProtectParams{}, p.Signer)
	return p.take(step, err, args[0])
}

func (p *person) read(args []string) error {
	message, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	step, err := p.group.Handle(mls.Input{Message: message, Now: now})
	return p.take(step, err, "")
}

func (p *person) info(args []string) error {
	info, err := p.group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, p.Signer)
	if err != nil {
		return err
	}
	return write(args[0], info)
}

// export shows the secret: a real client would not.
func (p *person) export(args []string) error {
	secret, err := p.group.Export(args[0], nil, 16)
	if err != nil {
		return err
	}
	defer secret.Erase()
	fmt.Printf("%x\n", secret.Bytes())
	return nil
}
