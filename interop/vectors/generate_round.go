package vectors

import (
	"errors"
	"slices"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
)

// change is one thing that a commit does.
type change int

const (
	changeAdd change = iota
	changeUpdate
	changeRemove
	changePSK
	changeResumption
	changeExtensions
	changeReInit
)

// round is an epoch that ends with a member's commit.
type round struct {
	byReference []change // sent by members and others; what cannot be done now is left out
	byValue     []change
	path        bool // a path even where none is needed
	rotate      bool // the committer changes its signature key and credential
	invite      bool // adds the passive client
	omitTree    bool // from the Welcome
}

// turn is a round being played.
type turn struct {
	*scene
	round
	committer *actor
	busy      []*actor // who commits, or whose leaf a proposal is about
	joining   []*actor
	proposals []hexBytes
}

// play plays a round.
func (s *scene) play(r round) {
	t := &turn{scene: s, round: r, committer: pick(s.maker, s.active()), proposals: []hexBytes{}}
	t.busy = []*actor{t.committer}
	for _, c := range r.byReference {
		t.propose(c)
	}
	params := mls.CommitParams{Now: present(), PSKs: s.known(), ForcePath: r.path, AuthenticatedData: s.bytes(s.number(8)),
		Welcome: mls.WelcomeParams{OmitTree: r.omitTree}}
	for _, c := range r.byValue {
		if p := t.proposal(c); p != nil {
			params.Proposals = append(params.Proposals, p)
		}
	}
	if r.invite {
		s.passive = s.newActor()
		params.Proposals = append(params.Proposals, t.add(s.passive))
	}
	if r.rotate {
		params.Leaf = t.rotation(t.committer)
	}
	t.commit(params)
}

// adds reports whether somebody is going to join by a Welcome.
func (t *turn) adds() bool {
	return t.invite || slices.Contains(t.byReference, changeAdd) || slices.Contains(t.byValue, changeAdd)
}

// proposal makes a proposal, or nil when there is nobody to propose it for.
func (t *turn) proposal(c change) framing.Proposal {
	switch c {
	case changeAdd:
		return t.add(t.newcomer())
	case changeRemove:
		others := t.active(t.busy...)
		if len(others) == 0 {
			return nil
		}
		target := pick(t.maker, others)
		t.busy = append(t.busy, target)
		return &framing.Remove{Removed: target.group.OwnLeaf()}
	case changePSK:
		return &framing.PreSharedKey{PSK: t.draw(t.invite)}
	case changeResumption:
		if t.adds() { // a newcomer does not have it
			return t.proposal(changePSK)
		}
		return &framing.PreSharedKey{PSK: mls.ResumptionPSKID(t.groupID, t.recentEpoch())}
	case changeExtensions:
		return &framing.GroupContextExtensions{Extensions: t.extensions()}
	case changeReInit:
		return t.reInit()
	}
	return nil
}

// recentEpoch draws an epoch whose resumption PSK everybody has.
func (t *turn) recentEpoch() framing.Epoch {
	back := min(t.epoch()-t.since, 4)
	return t.epoch() - framing.Epoch(t.number(int(back)+1))
}

func (t *turn) add(a *actor) framing.Proposal {
	t.joining = append(t.joining, a)
	return &framing.Add{KeyPackage: t.keyPackageOf(a).KeyPackage}
}

// rotation makes a new signature key and credential for an actor.
func (t *turn) rotation(a *actor) mls.LeafUpdate {
	a.next = t.maker.signer()
	credential := framing.BasicCredential([]byte(a.name + ", with another key"))
	return mls.LeafUpdate{Signer: a.next, Credential: &credential}
}

// propose sends a proposal, in the name of a member, of the outside sender, or of the newcomer that it is about.
func (t *turn) propose(c change) {
	if c == changeUpdate {
		t.proposeUpdate()
		return
	}
	p := t.proposal(c)
	if p == nil {
		return
	}
	params := mls.ProposeParams{Now: present(), AuthenticatedData: t.bytes(t.number(8))}
	add, isAdd := p.(*framing.Add)
	switch {
	case isAdd && t.oneIn(2):
		by := t.joining[len(t.joining)-1].signer
		t.send(must(t.observer().ProposeSelf(add.KeyPackage, params, by)))
	case t.listsOutside() && c != changeResumption && t.oneIn(2):
		t.send(must(t.observer().Propose(p, 0, params, t.outside)))
	default:
		by := pick(t.maker, t.active())
		t.sendOwn(by, must(by.group.Propose(p, params, by.signer)))
	}
}

func (t *turn) proposeUpdate() {
	others := t.active(t.busy...)
	if len(others) == 0 {
		return
	}
	a := pick(t.maker, others)
	t.busy = append(t.busy, a)
	var u mls.LeafUpdate
	if t.oneIn(2) {
		u = t.rotation(a)
	}
	t.sendOwn(a, must(a.group.ProposeUpdate(u, mls.ProposeParams{}, a.signer)))
}

// sendOwn sends a member's proposal.
func (t *turn) sendOwn(by *actor, step *mls.Step) {
	by.group = step.Next
	t.send(step.Send[0].Message, by)
}

func (t *turn) send(message []byte, by ...*actor) {
	t.proposals = append(t.proposals, message)
	t.deliver(message, by...)
}

// observer makes an Observer of the group.
func (s *scene) observer() *mls.Observer {
	return must(mls.Observe(mls.ObserveParams{GroupInfo: s.groupInfo(), Params: s.newActor().params})).Next
}

// groupInfo lets a member make a GroupInfo for outsiders.
func (s *scene) groupInfo() []byte {
	by := pick(s.maker, s.active())
	return must(by.group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, by.signer))
}

// commit ends the epoch.
func (t *turn) commit(params mls.CommitParams) {
	step := must(t.committer.group.Commit(params, t.committer.signer))
	if len(step.Left) > 0 {
		check(errors.New("a proposal was not committed: " + step.Left[0].Reason))
	}
	message := step.Send[0].Message
	adopted := must(step.Next.Adopt())
	t.deliver(message, t.committer)
	t.committer.group = adopted.Next
	if len(t.joining) > 0 {
		t.welcome(adopted.Send[0])
	}
	authenticator := t.settle(t.joining...)
	if t.invite {
		t.record.InitialEpochAuthenticator = authenticator
		return
	}
	t.note(passiveEpoch{Proposals: t.proposals, Commit: message, EpochAuthenticator: authenticator})
}

// welcome lets the newcomers join.
func (t *turn) welcome(w mls.Outgoing) {
	for _, a := range t.joining {
		if a == t.passive {
			t.record.SignaturePriv = t.secretOf(a.signer)
			t.record.begin(a, w)
		}
		a.group = must(mls.Join(mls.JoinParams{Welcome: w.Message, RatchetTree: w.RatchetTree(),
			KeyPackages: []*mls.OwnKeyPackage{a.own}, PSKs: t.known(), Now: present(), Params: a.params})).Next
	}
}

// begin fills in how the passive client joins the group.
func (c *passiveClient) begin(a *actor, w mls.Outgoing) {
	c.KeyPackage = messageOf(a.own.KeyPackage)
	c.InitPriv, c.EncryptionPriv = reveal(a.own.InitKey), reveal(a.own.LeafKey)
	c.Welcome = w.Message
	c.RatchetTree = optional[hexBytes]{Value: w.RatchetTree(), Present: w.RatchetTree() != nil}
}

// external lets a newcomer, or a member that lost its state, join by an external commit.
func (s *scene) external(resync, psk bool) {
	params := mls.JoinExternalParams{GroupInfo: s.groupInfo(), PSKs: s.known(), Now: present(), AuthenticatedData: s.bytes(s.number(8))}
	var joins *actor
	var gone []*actor
	if others := s.active(); resync && len(others) > 1 {
		joins = pick(s.maker, others)
		leaf := joins.group.OwnLeaf()
		params.Resync, gone = &leaf, []*actor{joins}
		s.members = slices.DeleteFunc(s.members, func(x *actor) bool { return x == joins })
	} else {
		joins = s.newcomer()
	}
	if psk {
		params.PSKIDs = append(params.PSKIDs, s.draw(false))
	}
	params.Leaf, params.Params = s.client(joins), joins.params
	step := must(mls.JoinExternal(params))
	message := step.Send[0].Message
	s.deliver(message, gone...)
	joins.group = must(step.Next.Adopt()).Next
	authenticator := s.settle(joins)
	s.note(passiveEpoch{Proposals: []hexBytes{}, Commit: message, EpochAuthenticator: authenticator})
}
