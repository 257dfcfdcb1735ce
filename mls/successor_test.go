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

// announcement returns a ReInit to a group with another cipher suite and an extension.
func announcement() *framing.ReInit {
	return &framing.ReInit{GroupID: []byte("second"), Version: framing.MLS10, CipherSuite: nextSuite,
		Extensions: framing.Extensions{{Type: 0xf001, Data: []byte("announced")}}}
}

// supportsAnnouncement lets a client into groups with the announced extension.
func supportsAnnouncement(c *mlstest.Party) {
	c.Capabilities.CipherSuites = []ciphersuite.CipherSuite{testSuite, nextSuite}
	c.Capabilities.Extensions = []framing.ExtensionType{0xf001}
}

// succession is a group on its way to another: what its creator makes it of, and what one of the others joins with.
type succession struct {
	create mls.CreateParams
	guests []*mlstest.Member // added beside the joiner
	bare   bool              // whether the group is created as one that follows no other
	forge  bool              // whether the creator, without its engine's help, adds link to the commit that adds members
	link   mls.PSK
	later  bool // whether there is a commit before that one
	join   mls.JoinParams
}

// play makes the successor by its creator and lets joiner join it. It returns both there, and the error of the join.
func (s *succession) play(creator, joiner *mlstest.Member) (*mlstest.Member, *mlstest.Member, error) {
	t := creator.T
	t.Helper()
	there := func(a *mlstest.Member) *mlstest.Member { return a.As(s.create.CipherSuite) }
	first, second := there(creator), there(joiner)
	if s.bare {
		s.create.Successor = nil
	}
	s.create.Leaf = first.LeafParams
	first.Take(mls.Create(s.create))
	keys := second.KeyPackage(t)
	add := mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}}
	for _, g := range s.guests {
		add.Proposals = append(add.Proposals, &framing.Add{KeyPackage: there(g).KeyPackage(t).KeyPackage})
	}
	s.join.KeyPackages = []*mls.OwnKeyPackage{keys}
	if s.later {
		first.Commit(mls.CommitParams{})
	}
	if s.forge {
		s.join.Welcome = linkedWelcome(first, s.link, add.Proposals)
	} else {
		adopted := first.Commit(add).Adopted
		s.join.Welcome = adopted.Send[0].Message
	}
	s.join.Now, s.join.Params = mlstest.Now(), joiner.Params
	step, err := mls.Join(s.join)
	if err == nil {
		second.Take(step, nil)
	}
	return first, second, err
}

// asked joins once more and names those whose membership in the old group is a question. Each may be any of predecessors.
func (s *succession) asked(t *testing.T, predecessors ...string) (names []string) {
	t.Helper()
	step := must(mls.Join(s.join))
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

// linkTo returns the PSK that links a group to old.
func linkTo(old *mls.Group) mls.PSK {
	id := mls.ResumptionPSKID(old.GroupID(), old.Epoch())
	id.Usage, id.PSKNonce = framing.ResumptionPSKUsageBranch, make([]byte, 32)
	if old.Status() == mls.StatusReInitialized {
		id.Usage = framing.ResumptionPSKUsageReInit
	}
	return mls.PSK{ID: id, Secret: partsOf(old).Secrets.ResumptionPSK.Clone()}
}

// linkedWelcome returns the Welcome of a commit of the creator's that has a link whatever the engine thinks of it.
func linkedWelcome(creator *mlstest.Member, link mls.PSK, proposals []framing.Proposal) []byte {
	evil := creator.Insider()
	return evil.Commit(creator.T, func(d *mlstest.Draft) {
		d.Proposals = evil.ByValue(append(proposals, &framing.PreSharedKey{PSK: link.ID})...)
		d.PSKs = mls.PSKs{link}
	}).Welcome
}

// reinitialized returns a group of alice, bob and carol that carol's proposal and alice's commit ended.
// Just before, see gets to see it.
func reinitialized(t *testing.T, see ...func(*mls.Group)) (alice, bob, carol *mlstest.Member) {
	cast := newCastOf(t, supportsAnnouncement, nil, "alice", "bob", "carol")
	alice, bob, carol = cast[0], cast[1], cast[2]
	carol.Propose(announcement(), alice, bob)
	for _, f := range see {
		f(alice.Group)
	}
	alice.Commit(mls.CommitParams{}, bob, carol)
	return alice, bob, carol
}

// following returns what creator makes the announced group of.
func following(creator *mlstest.Member) mls.CreateParams {
	return mls.CreateParams{CipherSuite: nextSuite, Leaf: creator.As(nextSuite).LeafParams, Lifetime: mlstest.Lifetime(),
		Successor: creator.Group, Params: creator.Params}
}

func TestReInit(t *testing.T) {
	alice, bob, carol := reinitialized(t)
	for _, a := range []*mlstest.Member{alice, bob, carol} {
		require.Equal(t, mls.StatusReInitialized, a.Group.Status())
	}

	// Somebody else than proposer and committer makes the new group, and takes everything from the announcement.
	s := succession{create: following(bob), guests: []*mlstest.Member{carol}, join: mls.JoinParams{Successor: alice.Group}}
	first, second, err := s.play(bob, alice)
	require.NoError(t, err)
	mlstest.Agree(first, second)
	context := second.Group.Context()
	require.Equal(t, "second", string(context.GroupID))
	require.Equal(t, nextSuite, context.CipherSuite)
	require.Equal(t, announcement().Extensions, context.Extensions)
	require.EqualValues(t, 1, context.Epoch)

	// From here on it is a group like any other: the link was for the first commit.
	message := second.Commit(mls.CommitParams{}).Message
	first.Hear(message)
	mlstest.Agree(first, second)
}

// TestReInitEndsGroup: V-RE-01.
func TestReInitEndsGroup(t *testing.T) {
	alice, bob, carol := three(newCastOf(t, supportsAnnouncement, nil, "alice", "bob", "carol"))
	late := carol.Say("late")
	observer := alice.Observe()
	evil := carol.Insider()
	made := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{announcement()}}, bob)
	commit, adopted := made.Message, made.Adopted
	require.IsType(t, &mls.ReInitialized{}, adopted.Events[1])
	observed, err := observer.Handle(mls.Input{Message: commit})
	require.NoError(t, err)
	require.IsType(t, &mls.ReInitialized{}, observed.Events[1])
	next := evil.Commit(t, func(d *mlstest.Draft) {
		d.Proposals, d.NoPath = evil.ByValue(announcement()), true
	}).Next // the epoch after an equal commit of carol's

	for _, a := range []*mlstest.Member{alice, bob} {
		inactive := func(err error) {
			t.Helper()
			var why *mls.InactiveError
			require.ErrorAs(t, err, &why)
			require.ErrorIs(t, err, mls.ErrInactive)
			require.Equal(t, mls.StatusReInitialized, why.Status)
			require.Equal(t, announcement(), why.ReInit)
		}
		_, err := a.Group.Protect(nil, mls.ProtectParams{}, a.Signer)
		inactive(err)
		_, err = a.Group.Propose(&framing.Remove{Removed: 2}, mls.ProposeParams{}, a.Signer)
		inactive(err)
		_, err = a.Group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, a.Signer)
		inactive(err)
		_, err = a.Group.Commit(mls.CommitParams{}, a.Signer)
		inactive(err)
		_, err = a.Group.GroupInfo(mls.GroupInfoParams{}, a.Signer)
		inactive(err)
		_, err = a.Group.Handle(mls.Input{Message: next.Commit(t, nil).Commit})
		inactive(err)
		_, err = a.Group.Handle(mls.Input{Message: next.Say(t, "new", nil)})
		inactive(err)
	}
	require.ErrorIs(t, failure(observed.Next.Handle(mls.Input{Message: next.Commit(t, nil).Commit})), mls.ErrInactive)
	require.Equal(t, "late", bob.Read(late), "what was said before the end is still read")
}

// TestReInitAlone: a ReInit waits for another commit when other proposals are there (V-PL-08).
func TestReInitAlone(t *testing.T) {
	alice, bob, carol := three(newCastOf(t, supportsAnnouncement, nil, "alice", "bob", "carol"))
	bob.Propose(announcement(), alice, carol)
	bob.Propose(&framing.Remove{Removed: carol.Group.OwnLeaf()}, alice, carol)
	s := alice.MakeCommit(mls.CommitParams{})
	require.Len(t, s.Left, 1)
	require.Equal(t, bob.Group.Proposals()[0].Ref, s.Left[0].Ref)
	alice.Adopt(s, bob, carol)
	require.Equal(t, mls.StatusActive, bob.Group.Status())

	breaks(t, "V-PL-08", failure(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{announcement(), announcement()}}, alice.Signer)))
	evil := bob.Insider()
	refuse(alice, evil.Commit(t, func(d *mlstest.Draft) {
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
		breaks(t, rule, failure(mls.Create(c)))
	}
	must(mls.Create(following(alice)))
}

// TestReInitJoin: nobody joins a group that is not the one announced (V-RE-02 to V-RE-07, V-RE-10).
func TestReInitJoin(t *testing.T) {
	var past mls.PSK
	alice, bob, carol := reinitialized(t, func(g *mls.Group) {
		past = linkTo(g)
		past.ID.Usage = framing.ResumptionPSKUsageReInit
	})
	join := mls.JoinParams{Successor: bob.Group}
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
			s := succession{create: following(alice), join: join, guests: []*mlstest.Member{carol}, bare: true, forge: true, link: linkTo(alice.Group)}
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

		mallory := newMember(t, "mallory")
		supportsAnnouncement(mallory.Party)
		s = succession{create: following(alice), guests: []*mlstest.Member{mallory}, join: join} // carol is replaced
		_, _, err = s.play(alice, bob)
		require.NoError(t, err)
		require.Equal(t, []string{"mallory"}, s.asked(t, "carol"), "nobody but the application knows whether that is carol")
	})
	t.Run("V-RE-10", func(t *testing.T) {
		s := succession{create: following(alice), guests: []*mlstest.Member{carol}}
		_, _, err := s.play(alice, bob)
		require.ErrorIs(t, err, mls.ErrSuccessor)
		other := newCast(t, "bob")[0]
		s.join.Successor = other.Group
		_, _, err = s.play(alice, bob)
		var missing *mls.MissingPSKError
		require.ErrorAs(t, err, &missing)
		s.join.Successor = bob.Group
		first, second, err := s.play(alice, bob)
		require.NoError(t, err)
		mlstest.Agree(first, second)
	})
}

// TestReInitNewCredential: there is a Claim about a member that comes back with another credential.
func TestReInitNewCredential(t *testing.T) {
	alice, bob, carol := reinitialized(t)
	renamed := *carol.Party
	renamed.Credential = framing.BasicCredential([]byte("caroline"))
	s := succession{create: following(alice), guests: []*mlstest.Member{renamed.Member(t, nil)}, join: mls.JoinParams{Successor: bob.Group}}
	_, _, err := s.play(alice, bob)
	require.NoError(t, err)
	require.Equal(t, []string{"caroline"}, s.asked(t, "carol"))
}

func TestBranch(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	branch := func() mls.CreateParams {
		c := following(alice)
		c.CipherSuite, c.Leaf = testSuite, alice.LeafParams
		return c
	}
	s := succession{create: branch(), join: mls.JoinParams{Successor: bob.Group}}
	first, second, err := s.play(alice, bob)
	require.NoError(t, err)
	mlstest.Agree(first, second)
	mlstest.Agree(alice, bob, carol) // the parent goes on

	t.Run("V-RE-08", func(t *testing.T) {
		breaks(t, "V-RE-08", failure(mls.Create(following(alice))))
	})
	t.Run("V-RE-09", func(t *testing.T) {
		s := succession{create: branch(), guests: []*mlstest.Member{newMember(t, "mallory")}, join: mls.JoinParams{Successor: bob.Group}}
		_, _, err := s.play(alice, bob)
		require.NoError(t, err)
		require.Equal(t, []string{"mallory"}, s.asked(t, "alice", "bob", "carol"))
	})
	t.Run("V-RE-05", func(t *testing.T) {
		s := succession{create: branch(), bare: true, forge: true, link: linkTo(alice.Group), later: true, join: mls.JoinParams{Successor: bob.Group}}
		_, _, err := s.play(alice, bob)
		breaks(t, "V-RE-05", err)
	})
	t.Run("V-RE-10", func(t *testing.T) {
		s := succession{create: branch()}
		_, _, err := s.play(alice, bob)
		require.ErrorIs(t, err, mls.ErrSuccessor)
	})
	t.Run("V-RE-06", func(t *testing.T) { // a link of usage reinit to a group that goes on
		s := succession{create: branch(), bare: true, forge: true, link: linkTo(alice.Group), join: mls.JoinParams{Successor: bob.Group}}
		s.link.ID.Usage = framing.ResumptionPSKUsageReInit
		_, _, err := s.play(alice, bob)
		breaks(t, "V-RE-06", err)
	})
	t.Run("later", func(t *testing.T) { // the parent goes on before bob joins
		s := succession{create: branch()}
		_, _, err := s.play(alice, bob)
		require.ErrorIs(t, err, mls.ErrSuccessor)
		carol.Commit(mls.CommitParams{}, alice, bob)
		carol.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: alice.Group.OwnLeaf()}}}, bob)
		s.join.Successor = bob.Group
		step := must(mls.Join(s.join))
		for _, j := range step.Claims {
			require.Equal(t, mls.MomentJoin, j.Moment, "alice was a member of the parent then")
		}
	})
}

// TestSuccessorPSKElsewhere: PSKs of usage reinit and branch are for the first commit of a successor group
// (V-PSK-03).
func TestSuccessorPSKElsewhere(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	for _, usage := range []framing.ResumptionPSKUsage{framing.ResumptionPSKUsageReInit, framing.ResumptionPSKUsageBranch} {
		id := mls.ResumptionPSKID(alice.Group.GroupID(), alice.Group.Epoch())
		id.Usage, id.PSKNonce = usage, make([]byte, 32)
		_, err := alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.PreSharedKey{PSK: id}}}, alice.Signer)
		breaks(t, "V-PSK-03", err)
		breaks(t, "V-PSK-03", failure(alice.Group.Propose(&framing.PreSharedKey{PSK: id}, mls.ProposeParams{}, alice.Signer)))
		evil := bob.Insider()
		proposal, _ := evil.Propose(t, &framing.PreSharedKey{PSK: id}, nil)
		refuse(alice, proposal, "V-PSK-03")
		commit := evil.Commit(t, func(d *mlstest.Draft) {
			d.Proposals = evil.ByValue(&framing.PreSharedKey{PSK: id})
			d.PSKs = mls.PSKs{{ID: id, Secret: evil.Secrets.ResumptionPSK}}
		})
		refuse(alice, commit.Commit, "V-PSK-03")
	}
	mlstest.Agree(alice, bob)
}

// TestSuccessorOfErased: an epoch that is over has no successor, even when its PSK is kept.
func TestSuccessorOfErased(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	branch := mls.CreateParams{CipherSuite: testSuite, GroupID: []byte("branch"), Leaf: alice.LeafParams,
		Lifetime: mlstest.Lifetime(), Successor: alice.Group, Params: alice.Params}
	must(mls.Create(branch))
	alice.Commit(mls.CommitParams{}, bob)
	require.ErrorIs(t, failure(mls.Create(branch)), mls.ErrErased)
}
