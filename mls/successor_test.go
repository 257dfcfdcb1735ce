package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// nextSuite is what groups of these tests move to, with other signature keys.
const nextSuite = ciphersuite.MLS128DHKEMP256AES128GCMSHA256P256

// announcement is a ReInit to a group with another cipher suite and an extension.
func announcement() *framing.ReInit {
	return &framing.ReInit{GroupID: []byte("second"), Version: framing.MLS10, CipherSuite: nextSuite,
		Extensions: framing.Extensions{{Type: 0xf001, Data: []byte("announced")}}}
}

// supportsAnnouncement lets a client into groups with the announced extension.
func supportsAnnouncement(c *mlstest.Client) {
	c.Capabilities.CipherSuites = []ciphersuite.CipherSuite{testSuite, nextSuite}
	c.Capabilities.Extensions = []framing.ExtensionType{0xf001}
}

// succession is a group on its way to another: what its creator makes it of, and what one of the others joins with.
type succession struct {
	create mls.CreateParams
	guests []*player // added beside the joiner
	bare   bool      // whether the group is created as one that follows no other
	forge  bool      // whether the creator, without its engine's help, adds link to the commit that adds members
	link   mls.PSK
	later  bool // whether there is a commit before that one
	join   mls.JoinParams
}

// play makes the successor by its creator and lets joiner join it. It answers both there, and the error of the join.
func (s *succession) play(creator, joiner *player) (*player, *player, error) {
	t := creator.t
	t.Helper()
	there := func(a *player) *player { return a.with(s.create.CipherSuite) }
	first, second := there(creator), there(joiner)
	if s.bare {
		s.create.Successor = nil
	}
	s.create.Leaf = first.LeafParams
	first.take(mls.Create(s.create))
	keys := second.KeyPackage(t)
	add := mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}}
	for _, g := range s.guests {
		add.Proposals = append(add.Proposals, &framing.Add{KeyPackage: there(g).KeyPackage(t).KeyPackage})
	}
	s.join.KeyPackages = []*mls.OwnKeyPackage{keys}
	if s.later {
		first.commit(mls.CommitParams{})
	}
	if s.forge {
		s.join.Welcome = linkedWelcome(first, s.link, add.Proposals)
	} else {
		_, adopted := first.commit(add)
		s.join.Welcome = adopted.Send[0].Message
	}
	s.join.Now, s.join.Params = mlstest.Now(), joiner.Params
	step, err := mls.Join(s.join)
	if err == nil {
		second.take(step, nil)
	}
	return first, second, err
}

// with is the same client with another cipher suite, and so with another signature key, unless it is the same suite.
func (a *player) with(suite ciphersuite.CipherSuite) *player {
	c := *a.Client
	if suite != a.Suite.CipherSuite() {
		other := mlstest.NewClient(a.t, suite, a.Name)
		c.Suite, c.Signer = other.Suite, other.Signer
	}
	return &player{Client: &c, t: a.t}
}

// asked joins once more and names those whose membership in the old group is a question. Each may be any of predecessors.
func (s *succession) asked(t *testing.T, predecessors ...string) (names []string) {
	t.Helper()
	step, err := mls.Join(s.join)
	require.NoError(t, err)
	for _, j := range step.Claims {
		if j.Moment == mls.MomentSuccessorMember {
			names = append(names, string(j.Credential.Identity))
			var before []string
			for _, p := range j.Predecessors {
				before = append(before, string(p.Credential.Identity))
			}
			require.Equal(t, predecessors, before, "who it may be")
		}
	}
	return names
}

// linkTo is the PSK that links a group to old.
func linkTo(old *mls.Group) mls.PSK {
	id := mls.ResumptionPSKID(old.GroupID(), old.Epoch())
	id.Usage, id.PSKNonce = framing.ResumptionPSKUsageBranch, make([]byte, 32)
	if old.Status() == mls.StatusReInitialized {
		id.Usage = framing.ResumptionPSKUsageReInit
	}
	return mls.PSK{ID: id, Secret: partsOf(old).Secrets.ResumptionPSK.Clone()}
}

// linkedWelcome is the Welcome of a commit of the creator's that has a link whatever the engine thinks of it.
func linkedWelcome(creator *player, link mls.PSK, proposals []framing.Proposal) []byte {
	evil := creator.insider()
	return evil.Commit(creator.t, func(d *mlstest.Draft) {
		d.Proposals = evil.ByValue(append(proposals, &framing.PreSharedKey{PSK: link.ID})...)
		d.PSKs = mls.PSKs{link}
	}).Welcome
}

// reinitialized is a group of alice, bob and carol that carol's proposal and alice's commit ended.
// Just before, see gets to see it.
func reinitialized(t *testing.T, see ...func(*mls.Group)) (alice, bob, carol *player) {
	cast := stageOf(t, supportsAnnouncement, nil, "alice", "bob", "carol")
	alice, bob, carol = cast[0], cast[1], cast[2]
	carol.propose(announcement(), alice, bob)
	for _, f := range see {
		f(alice.group)
	}
	alice.commit(mls.CommitParams{}, bob, carol)
	return alice, bob, carol
}

// following is what creator makes the announced group of.
func following(creator *player) mls.CreateParams {
	return mls.CreateParams{CipherSuite: nextSuite, Leaf: creator.with(nextSuite).LeafParams, Lifetime: mlstest.Lifetime(),
		Successor: creator.group, Params: creator.Params}
}

func TestReInit(t *testing.T) {
	alice, bob, carol := reinitialized(t)
	for _, a := range []*player{alice, bob, carol} {
		require.Equal(t, mls.StatusReInitialized, a.group.Status())
	}

	// Somebody else than proposer and committer makes the new group, and takes everything from the announcement.
	s := succession{create: following(bob), guests: []*player{carol}, join: mls.JoinParams{Successor: alice.group}}
	first, second, err := s.play(bob, alice)
	require.NoError(t, err)
	together(first, second)
	context := second.group.Context()
	require.Equal(t, "second", string(context.GroupID))
	require.Equal(t, nextSuite, context.CipherSuite)
	require.Equal(t, announcement().Extensions, context.Extensions)
	require.EqualValues(t, 1, context.Epoch)

	// From here on it is a group like any other: the link was for the first commit.
	message, _ := second.commit(mls.CommitParams{})
	first.hear(message)
	together(first, second)
}

// TestReInitEndsGroup: V-RE-01.
func TestReInitEndsGroup(t *testing.T) {
	cast := stageOf(t, supportsAnnouncement, nil, "alice", "bob", "carol")
	alice, bob, carol := cast[0], cast[1], cast[2]
	late := carol.say("late")
	observer := alice.observe()
	evil := carol.insider()
	commit, adopted := alice.commit(mls.CommitParams{Proposals: []framing.Proposal{announcement()}}, bob)
	require.IsType(t, &mls.ReInitialized{}, adopted.Events[1])
	observed, err := observer.Handle(mls.Input{Message: commit})
	require.NoError(t, err)
	require.IsType(t, &mls.ReInitialized{}, observed.Events[1])
	next := evil.Commit(t, func(d *mlstest.Draft) {
		d.Proposals, d.NoPath = evil.ByValue(announcement()), true
	}).Next // the epoch after an equal commit of carol's

	for _, a := range []*player{alice, bob} {
		inactive := func(err error) {
			t.Helper()
			var why *mls.InactiveError
			require.ErrorAs(t, err, &why)
			require.ErrorIs(t, err, mls.ErrInactive)
			require.Equal(t, mls.StatusReInitialized, why.Status)
			require.Equal(t, announcement(), why.ReInit)
		}
		_, err := a.group.Protect(nil, mls.ProtectParams{}, a.Signer)
		inactive(err)
		_, err = a.group.Propose(&framing.Remove{Removed: 2}, mls.ProposeParams{}, a.Signer)
		inactive(err)
		_, err = a.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, a.Signer)
		inactive(err)
		_, err = a.group.Commit(mls.CommitParams{}, a.Signer)
		inactive(err)
		_, err = a.group.GroupInfo(mls.GroupInfoParams{}, a.Signer)
		inactive(err)
		_, err = a.group.Handle(mls.Input{Message: next.Commit(t, nil).Commit})
		inactive(err)
		_, err = a.group.Handle(mls.Input{Message: next.Say(t, "new", nil)})
		inactive(err)
	}
	_, err = observed.Next.Handle(mls.Input{Message: next.Commit(t, nil).Commit})
	require.ErrorIs(t, err, mls.ErrInactive)
	require.Equal(t, "late", bob.read(late), "what was said before the end is still read")
}

// TestReInitAlone: a ReInit waits for another commit when other proposals are there (V-PL-08).
func TestReInitAlone(t *testing.T) {
	cast := stageOf(t, supportsAnnouncement, nil, "alice", "bob", "carol")
	alice, bob, carol := cast[0], cast[1], cast[2]
	bob.propose(announcement(), alice, carol)
	bob.propose(&framing.Remove{Removed: carol.group.OwnLeaf()}, alice, carol)
	s := alice.take(alice.group.Commit(mls.CommitParams{}, alice.Signer))
	require.Len(t, s.Left, 1)
	require.Equal(t, bob.group.Proposals()[0].Ref, s.Left[0].Ref)
	alice.take(alice.group.Adopt())
	tell(s.Send[0].Message, bob, carol)
	require.Equal(t, mls.StatusActive, bob.group.Status())

	_, err := alice.group.Commit(mls.CommitParams{Proposals: []framing.Proposal{announcement(), announcement()}}, alice.Signer)
	breaks(t, "V-PL-08", err)
	evil := bob.insider()
	alice.refuse(evil.Commit(t, func(d *mlstest.Draft) {
		d.Proposals = evil.ByValue(announcement(), &framing.PreSharedKey{PSK: framing.PreSharedKeyID{
			PSKType: framing.PSKTypeExternal, PSKNonce: make([]byte, 32)}})
	}).Commit, "V-PL-08")
}

// TestReInitCreate: what was announced is what gets created (V-RE-02 to V-RE-04).
func TestReInitCreate(t *testing.T) {
	alice, _, _ := reinitialized(t)
	for rule, change := range map[string]func(*mls.CreateParams){
		"V-RE-02": func(c *mls.CreateParams) { c.GroupID = []byte("third") },
		"V-RE-03": func(c *mls.CreateParams) { c.CipherSuite, c.Leaf = testSuite, alice.LeafParams },
		"V-RE-04": func(c *mls.CreateParams) { c.Extensions = framing.Extensions{} },
	} {
		c := following(alice)
		change(&c)
		_, err := mls.Create(c)
		breaks(t, rule, err)
	}
	_, err := mls.Create(following(alice))
	require.NoError(t, err)
}

// TestReInitJoin: nobody joins a group that is not the one announced (V-RE-02 to V-RE-07, V-RE-10).
func TestReInitJoin(t *testing.T) {
	var past mls.PSK
	alice, bob, carol := reinitialized(t, func(g *mls.Group) {
		past = linkTo(g)
		past.ID.Usage = framing.ResumptionPSKUsageReInit
	})
	join := mls.JoinParams{Successor: bob.group}
	for name, test := range map[string]struct {
		rule   string
		change func(*succession)
	}{
		"group id":     {"V-RE-02", func(s *succession) { s.create.GroupID = []byte("third") }},
		"suite":        {"V-RE-03", func(s *succession) { s.create.CipherSuite = testSuite }},
		"extensions":   {"V-RE-04", func(s *succession) { s.create.Extensions = nil }},
		"epoch":        {"V-RE-05", func(s *succession) { s.later = true }},
		"no link":      {"V-RE-06", func(s *succession) { s.forge = false }},
		"as announced": {"", func(s *succession) {}},
	} {
		t.Run(name, func(t *testing.T) {
			s := succession{create: following(alice), join: join, guests: []*player{carol}, bare: true, forge: true, link: linkTo(alice.group)}
			s.create.GroupID, s.create.Extensions = announcement().GroupID, announcement().Extensions
			test.change(&s)
			_, _, err := s.play(alice, bob)
			if test.rule == "" {
				require.NoError(t, err)
			} else {
				breaks(t, test.rule, err)
			}
		})
	}

	t.Run("V-RE-07", func(t *testing.T) {
		s := succession{create: following(alice), join: join} // carol is left out
		_, _, err := s.play(alice, bob)
		breaks(t, "V-RE-07", err)

		mallory := newPlayer(t, "mallory")
		supportsAnnouncement(mallory.Client)
		s = succession{create: following(alice), guests: []*player{mallory}, join: join} // carol is replaced
		_, _, err = s.play(alice, bob)
		require.NoError(t, err)
		require.Equal(t, []string{"mallory"}, s.asked(t, "carol"), "nobody but the application knows whether that is carol")
	})
	t.Run("V-RE-10", func(t *testing.T) {
		s := succession{create: following(alice), guests: []*player{carol}}
		_, _, err := s.play(alice, bob)
		require.ErrorIs(t, err, mls.ErrSuccessor)
		other := stage(t, "bob")[0]
		s.join.Successor = other.group
		_, _, err = s.play(alice, bob)
		var missing *mls.MissingPSKError
		require.ErrorAs(t, err, &missing)
		s.join.Successor = bob.group
		first, second, err := s.play(alice, bob)
		require.NoError(t, err)
		together(first, second)
	})
}

// TestReInitNewCredential: who comes back with another credential has to be judged as a member of the old group.
func TestReInitNewCredential(t *testing.T) {
	alice, bob, carol := reinitialized(t)
	renamed := *carol.Client
	renamed.Credential = framing.BasicCredential([]byte("caroline"))
	s := succession{create: following(alice), guests: []*player{{Client: &renamed, t: t}}, join: mls.JoinParams{Successor: bob.group}}
	_, _, err := s.play(alice, bob)
	require.NoError(t, err)
	require.Equal(t, []string{"caroline"}, s.asked(t, "carol"))
}

func TestBranch(t *testing.T) {
	cast := stage(t, "alice", "bob", "carol")
	alice, bob, carol := cast[0], cast[1], cast[2]
	branch := func() mls.CreateParams {
		c := following(alice)
		c.CipherSuite, c.Leaf = testSuite, alice.LeafParams
		return c
	}
	s := succession{create: branch(), join: mls.JoinParams{Successor: bob.group}}
	first, second, err := s.play(alice, bob)
	require.NoError(t, err)
	together(first, second)
	together(alice, bob, carol) // the parent goes on

	t.Run("V-RE-08", func(t *testing.T) {
		_, err := mls.Create(following(alice))
		breaks(t, "V-RE-08", err)
	})
	t.Run("V-RE-09", func(t *testing.T) {
		s := succession{create: branch(), guests: []*player{newPlayer(t, "mallory")}, join: mls.JoinParams{Successor: bob.group}}
		_, _, err := s.play(alice, bob)
		require.NoError(t, err)
		require.Equal(t, []string{"mallory"}, s.asked(t, "alice", "bob", "carol"))
	})
	t.Run("V-RE-05", func(t *testing.T) {
		s := succession{create: branch(), bare: true, forge: true, link: linkTo(alice.group), later: true, join: mls.JoinParams{Successor: bob.group}}
		_, _, err := s.play(alice, bob)
		breaks(t, "V-RE-05", err)
	})
	t.Run("V-RE-10", func(t *testing.T) {
		s := succession{create: branch()}
		_, _, err := s.play(alice, bob)
		require.ErrorIs(t, err, mls.ErrSuccessor)
	})
	t.Run("V-RE-06", func(t *testing.T) { // a link of usage reinit to a group that goes on
		s := succession{create: branch(), bare: true, forge: true, link: linkTo(alice.group), join: mls.JoinParams{Successor: bob.group}}
		s.link.ID.Usage = framing.ResumptionPSKUsageReInit
		_, _, err := s.play(alice, bob)
		breaks(t, "V-RE-06", err)
	})
	t.Run("later", func(t *testing.T) { // the parent goes on before bob joins
		s := succession{create: branch()}
		_, _, err := s.play(alice, bob)
		require.ErrorIs(t, err, mls.ErrSuccessor)
		carol.commit(mls.CommitParams{}, alice, bob)
		carol.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: alice.group.OwnLeaf()}}}, bob)
		s.join.Successor = bob.group
		step, err := mls.Join(s.join)
		require.NoError(t, err)
		for _, j := range step.Claims {
			require.Equal(t, mls.MomentJoin, j.Moment, "alice was a member of the parent then")
		}
	})
}

// TestSuccessorPSKElsewhere: PSKs of usage reinit and branch are for the first commit of a successor group
// (V-PSK-03).
func TestSuccessorPSKElsewhere(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	for _, usage := range []framing.ResumptionPSKUsage{framing.ResumptionPSKUsageReInit, framing.ResumptionPSKUsageBranch} {
		id := mls.ResumptionPSKID(alice.group.GroupID(), alice.group.Epoch())
		id.Usage, id.PSKNonce = usage, make([]byte, 32)
		_, err := alice.group.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.PreSharedKey{PSK: id}}}, alice.Signer)
		breaks(t, "V-PSK-03", err)
		_, err = alice.group.Propose(&framing.PreSharedKey{PSK: id}, mls.ProposeParams{}, alice.Signer)
		breaks(t, "V-PSK-03", err)
		evil := bob.insider()
		proposal, _ := evil.Propose(t, &framing.PreSharedKey{PSK: id}, nil)
		alice.refuse(proposal, "V-PSK-03")
		commit := evil.Commit(t, func(d *mlstest.Draft) {
			d.Proposals = evil.ByValue(&framing.PreSharedKey{PSK: id})
			d.PSKs = mls.PSKs{{ID: id, Secret: evil.Secrets.ResumptionPSK}}
		})
		alice.refuse(commit.Commit, "V-PSK-03")
	}
	together(alice, bob)
}

// TestSuccessorOfErased: who keeps the PSK of an epoch that is over founds no successor of it.
func TestSuccessorOfErased(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	branch := mls.CreateParams{CipherSuite: testSuite, GroupID: []byte("branch"), Leaf: alice.LeafParams,
		Lifetime: mlstest.Lifetime(), Successor: alice.group, Params: alice.Params}
	_, err := mls.Create(branch)
	require.NoError(t, err)
	alice.commit(mls.CommitParams{}, bob)
	_, err = mls.Create(branch)
	require.ErrorIs(t, err, mls.ErrErased)
}
