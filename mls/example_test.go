package mls_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// The people of the examples are Members of package mlstest, which have a credential, a signature key and a view of one
// group. Take lets a Step take effect, and Hear handles a message. A real client first has the claims answered, and
// stores Next, Send and Events in one transaction: see the example of Group.Records. The time is mlstest.Now; a client
// passes its own clock's.

const exampleSuite = ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519

// check stands for the handling of errors, which the examples leave out.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

func newPerson(name string) *mlstest.Member { return newPersonFor(exampleSuite, name) }

func newPersonFor(cs ciphersuite.CipherSuite, name string) *mlstest.Member {
	return mlstest.NewMember(mlstest.Panics{}, cs, name)
}

// friends returns a group of people, made by the first of them.
func friends(names ...string) mlstest.Cast {
	return mlstest.NewCast(mlstest.Panics{}, mlstest.CastParams{}, names...)
}

// agree reports whether people are in the same epoch of the same group.
func agree(people ...*mlstest.Member) bool {
	first := mlstest.ViewOf(mlstest.Panics{}, people[0].Group)
	return !slices.ContainsFunc(people, func(p *mlstest.Member) bool { return mlstest.ViewOf(mlstest.Panics{}, p.Group) != first })
}

// Alice makes a group, in which she is alone, and welcomes Bob.
func Example() {
	suite, err := ciphersuite.New(ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	check(err)

	// Bob publishes a KeyPackage and keeps the private part.
	bobSigner, err := suite.GenerateSigner(nil)
	check(err)
	bobKeys, err := mls.NewKeyPackage(mls.KeyPackageParams{
		CipherSuite: suite.CipherSuite(),
		Leaf:        mls.LeafParams{Credential: framing.BasicCredential([]byte("bob")), Signer: bobSigner},
		Lifetime:    mls.LifetimeFrom(mlstest.Now(), 90*24*time.Hour),
	})
	check(err)
	published := bobKeys.KeyPackage

	// Alice makes a group and commits an Add.
	aliceSigner, err := suite.GenerateSigner(nil)
	check(err)
	step, err := mls.Create(mls.CreateParams{
		CipherSuite: suite.CipherSuite(),
		Leaf:        mls.LeafParams{Credential: framing.BasicCredential([]byte("alice")), Signer: aliceSigner},
		Lifetime:    mls.LifetimeFrom(mlstest.Now(), 90*24*time.Hour),
	})
	check(err)
	step, err = step.Next.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.Add{KeyPackage: published}},
		Now:       mlstest.Now(),
	}, aliceSigner)
	check(err)
	for _, j := range step.Claims { // ask the authentication service
		fmt.Printf("%v: is this %s?\n", j.Moment, j.Credential.Identity)
	}

	// The delivery service takes the commit, and Alice sends the Welcome.
	step, err = step.Next.Adopt()
	check(err)
	alice, welcome := step.Next, step.Send[0].Message

	// Bob joins.
	step, err = mls.Join(mls.JoinParams{
		Welcome: welcome, KeyPackages: []*mls.OwnKeyPackage{bobKeys}, Now: mlstest.Now()})
	check(err)
	bob := step.Next

	// Alice says something.
	step, err = alice.Protect([]byte("hello Bob"), mls.ProtectParams{}, aliceSigner)
	check(err)
	step, err = bob.Handle(mls.Input{Message: step.Send[0].Message, Now: mlstest.Now()})
	check(err)
	for _, e := range step.Events {
		if m, ok := e.(*mls.ApplicationMessage); ok {
			fmt.Printf("%s: %s\n", m.Leaf.Credential.Identity, m.Data)
		}
	}
	// Output:
	// add sent: is this bob?
	// alice: hello Bob
}

// Alice makes a group whose members all have to understand an extension of her own.
func ExampleCreate() {
	alice := newPerson("alice")
	colour := framing.Extension{Type: 0xf001, Data: []byte("green")}
	alice.Capabilities.Extensions = []framing.ExtensionType{colour.Type}

	step, err := mls.Create(mls.CreateParams{
		CipherSuite: exampleSuite,
		GroupID:     []byte("garden"),
		Extensions:  framing.Extensions{colour},
		Leaf:        alice.LeafParams,
		Lifetime:    mls.LifetimeFrom(mlstest.Now(), 90*24*time.Hour),
	})
	check(err)
	group := step.Next
	fmt.Printf("%s, epoch %d\n", group.GroupID(), group.Epoch())
	for i, leaf := range group.Members() {
		fmt.Printf("%d: %s\n", i, leaf.Credential.Identity)
	}
	// Output:
	// garden, epoch 0
	// 0: alice
}

// Bob makes a KeyPackage that serves when all others are used up.
func ExampleNewKeyPackage() {
	bob := newPerson("bob")
	keys, err := mls.NewKeyPackage(mls.KeyPackageParams{
		CipherSuite: exampleSuite,
		Leaf:        bob.LeafParams,
		Lifetime:    mls.LifetimeFrom(mlstest.Now(), 90*24*time.Hour),
		LastResort:  true,
	})
	check(err)
	message, err := keys.Message() // to publish
	check(err)

	var m framing.Message
	check(framing.Unmarshal(message, &m))
	k := m.Body.(*framing.KeyPackage)
	fmt.Printf("%s, last resort: %v\n", k.LeafNode.Credential.Identity, keys.LastResort())
	// Output:
	// bob, last resort: true
}

// A directory checks a KeyPackage before it publishes it.
func ExampleVerifyKeyPackage() {
	bob := newPerson("bob")
	keys, err := mls.NewKeyPackage(mls.KeyPackageParams{
		CipherSuite: exampleSuite, Leaf: bob.LeafParams, Lifetime: mls.LifetimeFrom(mlstest.Now(), 90*24*time.Hour)})
	check(err)
	message, err := keys.Message()
	check(err)

	k, err := mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: message, Now: mlstest.Now()})
	check(err)
	fmt.Printf("from %s\n", k.LeafNode.Credential.Identity)

	_, err = mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: message, Now: mlstest.Now().AddDate(1, 0, 0)})
	var broken *mls.RuleError
	fmt.Println("a year later:", errors.As(err, &broken), broken.Rule)
	// Output:
	// from bob
	// a year later: true V-LN-15
}

// Alice removes Carol and renews her own keys by the same commit.
func ExampleGroup_Commit() {
	people := friends("alice", "bob", "carol")
	alice, bob, carol := people[0], people[1], people[2]

	step := alice.Take(alice.Group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.Remove{Removed: carol.Group.OwnLeaf()}},
	}, alice.Signer))
	fmt.Println("before: epoch", alice.Group.Epoch()) // nothing has changed yet
	for _, c := range step.Change.Removed {
		fmt.Printf("will remove %s\n", c.Old.Credential.Identity)
	}
	commit := step.Send[0].Message // to the delivery service, which takes it

	alice.Take(alice.Group.Adopt())
	bob.Hear(commit)
	carol.Hear(commit)
	fmt.Println("after: epoch", alice.Group.Epoch(), "agree:", agree(alice, bob))
	fmt.Println("carol:", carol.Group.Status())
	// Output:
	// before: epoch 1
	// will remove carol
	// after: epoch 2 agree: true
	// carol: member was removed
}

// Alice and Bob commit at the same time, and the delivery service accepts Bob's commit. Alice's is dropped when she handles
// Bob's, so she makes hers again.
func ExampleGroup_Drop() {
	people := friends("alice", "bob", "carol")
	alice, bob, carol := people[0], people[1], people[2]
	wanted := mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: carol.Group.OwnLeaf()}}}

	alice.Take(alice.Group.Commit(wanted, alice.Signer))
	winner := bob.Take(bob.Group.Commit(mls.CommitParams{ForcePath: true}, bob.Signer)).Send[0].Message
	bob.Take(bob.Group.Adopt())

	pending := alice.Group.Pending() != nil
	fmt.Println("pending:", pending)
	alice.Hear(winner) // drops the pending commit, as Drop would
	pending = alice.Group.Pending() != nil
	fmt.Println("pending:", pending)

	again := alice.Take(alice.Group.Commit(wanted, alice.Signer)).Send[0].Message
	alice.Take(alice.Group.Adopt())
	bob.Hear(again)
	fmt.Println("agree:", agree(alice, bob), "members:", alice.Group.Tree().Members())
	// Output:
	// pending: true
	// pending: false
	// agree: true members: 2
}

// Alice's commit comes back to her by way of the delivery service. Handle knows it and adopts it.
func ExampleGroup_Adopt() {
	people := friends("alice", "bob")
	alice := people[0]

	carol := newPerson("carol")
	keys := carol.KeyPackage(mlstest.Panics{})
	step := alice.Take(alice.Group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}, Now: mlstest.Now(),
	}, alice.Signer))

	step = alice.Hear(step.Send[0].Message) // the same as Adopt
	for _, out := range step.Send {
		fmt.Println("a Welcome:", out.Kind == mls.OutgoingWelcome)
		carol.Take(mls.Join(mls.JoinParams{
			Welcome: out.Message, KeyPackages: []*mls.OwnKeyPackage{keys}, Now: mlstest.Now()}))
	}
	fmt.Println("agree:", agree(alice, carol))
	// Output:
	// a Welcome: true
	// agree: true
}

// Bob joins by a Welcome to which the tree comes separately. He has several KeyPackages about, and learns which one
// was used.
func ExampleJoin() {
	alice := friends("alice")[0]
	bob := newPerson("bob")
	first, second := bob.KeyPackage(mlstest.Panics{}), bob.KeyPackage(mlstest.Panics{})

	alice.Take(alice.Group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.Add{KeyPackage: second.KeyPackage}},
		Now:       mlstest.Now(),
		Welcome:   mls.WelcomeParams{OmitTree: true},
	}, alice.Signer))
	out := alice.Take(alice.Group.Adopt()).Send[0]

	step, err := mls.Join(mls.JoinParams{
		Welcome:     out.Message,
		RatchetTree: out.RatchetTree(),
		KeyPackages: []*mls.OwnKeyPackage{first, second},
		Now:         mlstest.Now(),
	})
	check(err)
	for _, j := range step.Claims {
		fmt.Printf("%v: is this %s?\n", j.Moment, j.Credential.Identity)
	}
	bob.Take(step, nil)
	second.Erase() // and delete it from storage
	fmt.Println("used the second:", bytes.Equal(step.Used.Ref, out.To[0]), "agree:", agree(alice, bob))
	// Output:
	// join: is this alice?
	// join: is this bob?
	// used the second: true agree: true
}

// Bob's messages reach Alice in the wrong order, one of them twice and one of them after the epoch is over.
func ExampleGroup_Handle() {
	people := friends("alice", "bob")
	alice, bob := people[0], people[1]
	say := func(text string) []byte {
		return bob.Take(bob.Group.Protect([]byte(text), mls.ProtectParams{}, bob.Signer)).Send[0].Message
	}
	one, two, late := say("one"), say("two"), say("late")
	commit := bob.Take(bob.Group.Commit(mls.CommitParams{}, bob.Signer)).Send[0].Message
	bob.Take(bob.Group.Adopt())
	next := say("next")

	for _, message := range [][]byte{two, two, one, next, commit, late, next, commit} {
		step, err := alice.Group.Handle(mls.Input{Message: message, Now: mlstest.Now()})
		switch {
		case errors.Is(err, mls.ErrFutureEpoch):
			fmt.Println("wait for a commit")
			continue
		case errors.Is(err, mls.ErrReplay), errors.Is(err, mls.ErrOldEpoch):
			fmt.Println("drop it")
			continue
		}
		alice.Take(step, err)
		for _, event := range step.Events {
			switch e := event.(type) {
			case *mls.ApplicationMessage:
				fmt.Printf("%s says %q in epoch %d\n", e.Leaf.Credential.Identity, e.Data, e.Epoch)
			case *mls.EpochChanged:
				fmt.Println("epoch", e.Change.Epoch)
			}
		}
	}
	// Output:
	// bob says "two" in epoch 1
	// drop it
	// bob says "one" in epoch 1
	// wait for a commit
	// epoch 2
	// bob says "late" in epoch 1
	// bob says "next" in epoch 2
	// drop it
}

// Carol wants to leave. She proposes it, and somebody else commits it.
func ExampleGroup_Propose() {
	people := friends("alice", "bob", "carol")
	alice, bob, carol := people[0], people[1], people[2]

	proposal := carol.Take(carol.Group.Propose(
		&framing.Remove{Removed: carol.Group.OwnLeaf()}, mls.ProposeParams{}, carol.Signer)).Send[0].Message
	alice.Hear(proposal)
	bob.Hear(proposal)

	// From here on nobody sends data before the proposal is committed.
	_, err := bob.Group.Protect([]byte("hello"), mls.ProtectParams{}, bob.Signer)
	fmt.Println(errors.Is(err, mls.ErrPendingProposals))

	commit := bob.Take(bob.Group.Commit(mls.CommitParams{}, bob.Signer)).Send[0].Message // covers all that waits
	bob.Take(bob.Group.Adopt())
	alice.Hear(commit)
	carol.Hear(commit)
	fmt.Println(agree(alice, bob), carol.Group.Status())
	// Output:
	// true
	// true member was removed
}

// Carol leaves by a SelfRemove, which all members know. Unlike a Remove of herself, newcomers commit it, too, and it is sent
// as a PublicMessage.
func ExampleGroup_Propose_selfRemove() {
	people := mlstest.NewCast(mlstest.Panics{}, mlstest.CastParams{Change: func(c *mlstest.Party) {
		c.Capabilities.Proposals = []framing.ProposalType{framing.ProposalTypeSelfRemove} // in LeafParams
	}}, "alice", "bob", "carol")
	alice, bob, carol := people[0], people[1], people[2]

	proposal := carol.Take(carol.Group.Propose(&framing.SelfRemove{}, mls.ProposeParams{}, carol.Signer)).Send[0].Message
	alice.Hear(proposal)
	bob.Hear(proposal)
	commit := bob.Take(bob.Group.Commit(mls.CommitParams{}, bob.Signer)).Send[0].Message
	bob.Take(bob.Group.Adopt())
	alice.Hear(commit)
	carol.Hear(commit)
	fmt.Println(agree(alice, bob), carol.Group.Status())
	// Output:
	// true member was removed
}

// A stranger proposes to be added. As long as that waits, nobody may send data; after the application's no, Alice may.
func ExampleGroup_Decline() {
	people := friends("alice", "bob")
	alice, stranger := people[0], newPerson("mallory")
	k, err := mls.NewKeyPackage(mls.KeyPackageParams{
		CipherSuite: exampleSuite, Leaf: stranger.LeafParams, Lifetime: mls.LifetimeFrom(mlstest.Now(), time.Hour)})
	check(err)
	proposal, err := mls.Outsider{CipherSuite: exampleSuite, GroupID: alice.Group.GroupID(), Epoch: alice.Group.Epoch()}.ProposeSelf(
		k.KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, stranger.Signer)
	check(err)

	ref := alice.Hear(proposal).Events[0].(*mls.ProposalReceived).Ref
	_, err = alice.Group.Protect([]byte("hello"), mls.ProtectParams{}, alice.Signer)
	fmt.Println(err)
	alice.Take(alice.Group.Decline(ref))
	_, err = alice.Group.Protect([]byte("hello"), mls.ProtectParams{}, alice.Signer)
	fmt.Println(err)
	// Output:
	// mls: proposals wait for a commit
	// <nil>
}

// Bob changes his signature key by a proposal. The new key signs once it is committed.
func ExampleGroup_ProposeUpdate() {
	people := friends("alice", "bob")
	alice, bob := people[0], people[1]
	renewed := newPerson("bob's new key").Signer

	proposal := bob.Take(bob.Group.ProposeUpdate(mls.LeafUpdate{Signer: renewed}, mls.ProposeParams{}, bob.Signer))
	step := alice.Hear(proposal.Send[0].Message)
	for _, j := range step.Claims {
		fmt.Printf("%v: may this key take the place of %s's old one?\n", j.Moment, j.Predecessors[0].Credential.Identity)
	}
	commit := alice.Take(alice.Group.Commit(mls.CommitParams{}, alice.Signer)).Send[0].Message
	alice.Take(alice.Group.Adopt())
	bob.Hear(commit)

	_, err := bob.Group.Protect(nil, mls.ProtectParams{}, bob.Signer)
	fmt.Println("old key refused:", errors.Is(err, mls.ErrSigner))
	_, err = bob.Group.Protect(nil, mls.ProtectParams{}, renewed)
	fmt.Println("new key:", err)
	// Output:
	// update: may this key take the place of bob's old one?
	// old key refused: true
	// new key: <nil>
}

// Alice hides how long her messages are, and sends something along that everybody may read but nobody can change.
func ExampleGroup_Protect() {
	people := friends("alice", "bob")
	alice, bob := people[0], people[1]
	options := mls.ProtectParams{
		Padding:           framing.PadToMultiple(256),
		AuthenticatedData: []byte("message 1"),
	}

	short := alice.Take(alice.Group.Protect([]byte("yes"), options, alice.Signer)).Send[0].Message
	options.AuthenticatedData = []byte("message 2")
	long := alice.Take(alice.Group.Protect([]byte("certainly not"), options, alice.Signer)).Send[0].Message
	fmt.Println("same length:", len(short) == len(long))

	for _, message := range [][]byte{short, long} {
		m := bob.Hear(message).Events[0].(*mls.ApplicationMessage)
		fmt.Printf("%s: %s\n", m.AuthenticatedData, m.Data)
	}
	// Output:
	// same length: true
	// message 1: yes
	// message 2: certainly not
}

// Alice publishes a GroupInfo, by which newcomers may join by themselves.
func ExampleGroup_GroupInfo() {
	alice := friends("alice", "bob")[0]
	message, err := alice.Group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, alice.Signer)
	check(err)

	var m framing.Message
	check(framing.Unmarshal(message, &m))
	info := m.Body.(*framing.GroupInfo)
	fmt.Printf("epoch %d, signed by leaf %d\n", info.GroupContext.Epoch, info.Signer)
	for _, x := range info.Extensions {
		fmt.Println(x.Type)
	}
	// Output:
	// epoch 1, signed by leaf 0
	// ratchet_tree
	// external_pub
}

// Carol joins by herself: all she needs is a GroupInfo.
func ExampleJoinExternal() {
	people := friends("alice", "bob")
	alice, bob := people[0], people[1]
	info, err := alice.Group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, alice.Signer)
	check(err)

	carol := newPerson("carol")
	step := carol.Take(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: info, Leaf: carol.LeafParams, Now: mlstest.Now()}))
	commit := step.Send[0].Message // to the delivery service, which takes it
	carol.Take(carol.Group.Adopt())

	for _, j := range alice.Hear(commit).Claims {
		fmt.Printf("%v: is this %s?\n", j.Moment, j.Credential.Identity)
	}
	bob.Hear(commit)
	fmt.Println(agree(alice, bob, carol))
	// Output:
	// external commit: is this carol?
	// true
}

// Bob missed a commit that nobody has any more. He joins again, his commit removes what he was before, and After says which Group
// the new one follows. Who has lost that Group, too, names the leaf by ResyncKey, and calls AfterVersion.
func ExampleJoinExternal_resync() {
	people := friends("alice", "bob")
	alice, bob := people[0], people[1]
	alice.Take(alice.Group.Commit(mls.CommitParams{}, alice.Signer)) // and the message is lost
	alice.Take(alice.Group.Adopt())

	info, err := alice.Group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, alice.Signer)
	check(err)
	former := bob.Group.OwnLeaf()
	step, err := mls.JoinExternal(mls.JoinExternalParams{
		GroupInfo: info, Leaf: bob.LeafParams, Resync: &former, Now: mlstest.Now()})
	check(err)
	check(step.After(bob.Group))
	fmt.Printf("version %d after %d\n", step.Next.Version(), bob.Group.Version())
	bob.Take(step, nil)
	bob.Take(bob.Group.Adopt())

	change := alice.Hear(step.Send[0].Message).Events[0].(*mls.EpochChanged).Change
	fmt.Printf("left: %s, came: %s\n", change.Removed[0].Old.Credential.Identity, change.Added[0].New.Credential.Identity)
	fmt.Println(agree(alice, bob))
	// Output:
	// version 2 after 1
	// left: bob, came: bob
	// true
}

// A delivery service follows a group whose handshake messages it can read, and refuses what no member would accept.
func ExampleObserve() {
	people := friends("alice", "bob")
	alice, bob := people[0], people[1]
	info, err := alice.Group.GroupInfo(mls.GroupInfoParams{}, alice.Signer)
	check(err)
	step, err := mls.Observe(mls.ObserveParams{GroupInfo: info, Now: mlstest.Now()})
	check(err)
	observer := step.Next

	commit := bob.Take(bob.Group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.Remove{Removed: alice.Group.OwnLeaf()}},
	}, bob.Signer)).Send[0].Message
	step, err = observer.Handle(mls.Input{Message: commit, Now: mlstest.Now()})
	check(err)
	observer = step.Next
	for i, leaf := range observer.Members() {
		fmt.Printf("epoch %d, %d: %s\n", observer.Epoch(), i, leaf.Credential.Identity)
	}

	_, err = observer.Handle(mls.Input{Message: commit, Now: mlstest.Now()})
	fmt.Println(err)
	// Output:
	// epoch 2, 1: bob
	// mls: message is from an epoch that is over
}

// The group lets a moderator, who is no member, propose. A member still has to commit what she proposes.
func ExampleObserver_Propose() {
	people := friends("alice", "bob", "mallory")
	alice, bob, mallory := people[0], people[1], people[2]
	moderator := newPerson("moderator")
	key, err := alice.Group.Suite().PublicKeyOf(moderator.Signer)
	check(err)
	senders, err := framing.NewExtension(&framing.ExternalSenders{{SignatureKey: key, Credential: moderator.Credential}})
	check(err)

	step := alice.Take(alice.Group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.GroupContextExtensions{Extensions: framing.Extensions{senders}}},
	}, alice.Signer))
	alice.Take(alice.Group.Adopt())
	for _, j := range bob.Hear(step.Send[0].Message).Claims {
		fmt.Printf("%v: is this %s?\n", j.Moment, j.Credential.Identity)
	}

	// The moderator follows the group and proposes.
	info, err := alice.Group.GroupInfo(mls.GroupInfoParams{}, alice.Signer)
	check(err)
	observed, err := mls.Observe(mls.ObserveParams{GroupInfo: info, Now: mlstest.Now()})
	check(err)
	proposal, err := observed.Next.Propose(
		&framing.Remove{Removed: mallory.Group.OwnLeaf()}, 0, mls.ProposeParams{}, moderator.Signer)
	check(err)

	// Bob receives and commits it.
	received := bob.Hear(proposal).Events[0].(*mls.ProposalReceived)
	fmt.Println("from", received.Sender.SenderType)
	bob.Take(bob.Group.Commit(mls.CommitParams{}, bob.Signer))
	bob.Take(bob.Group.Adopt())
	fmt.Println("members:", bob.Group.Tree().Members())
	// Output:
	// external sender: is this moderator?
	// from external
	// members: 2
}

// Carol knows a group by its GroupInfo and asks to be added. She joins by the Welcome that follows.
func ExampleObserver_ProposeSelf() {
	alice := friends("alice", "bob")[0]
	info, err := alice.Group.GroupInfo(mls.GroupInfoParams{}, alice.Signer)
	check(err)

	carol := newPerson("carol")
	keys := carol.KeyPackage(mlstest.Panics{})
	step, err := mls.Observe(mls.ObserveParams{GroupInfo: info, Now: mlstest.Now()})
	check(err)
	request, err := step.Next.ProposeSelf(keys.KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, carol.Signer)
	check(err)

	alice.Hear(request)
	alice.Take(alice.Group.Commit(mls.CommitParams{Now: mlstest.Now()}, alice.Signer))
	welcome := alice.Take(alice.Group.Adopt()).Send[0].Message
	carol.Take(mls.Join(mls.JoinParams{Welcome: welcome, KeyPackages: []*mls.OwnKeyPackage{keys}, Now: mlstest.Now()}))
	fmt.Println(agree(alice, carol))
	// Output:
	// true
}

// Alice and Bob derive a key for a call that is encrypted by other means.
func ExampleGroup_Export() {
	people := friends("alice", "bob")
	hers, err := people[0].Group.Export("call", []byte("call 7"), 32)
	check(err)
	his, err := people[1].Group.Export("call", []byte("call 7"), 32)
	check(err)
	fmt.Println(hers.Equal(his), hers)
	// Output:
	// true [secret]
}

// Alice and Bob compare numbers by another channel, to detect somebody between them.
func ExampleGroup_EpochAuthenticator() {
	people := friends("alice", "bob")
	hers, err := people[0].Group.EpochAuthenticator()
	check(err)
	his, err := people[1].Group.EpochAuthenticator()
	check(err)
	fmt.Println(bytes.Equal(hers, his))
	// Output:
	// true
}

// Alice and Bob share a password. A commit that needs it keeps out an attacker who has stolen only their keys.
func ExamplePSKs() {
	people := friends("alice", "bob")
	alice, bob := people[0], people[1]
	id := mls.ExternalPSKID([]byte("our password"))
	secret := mls.PSKs{{ID: id, Secret: ciphersuite.NewSecret([]byte("squeamish ossifrage"))}}

	commit := alice.Take(alice.Group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.PreSharedKey{PSK: id}}, PSKs: secret,
	}, alice.Signer)).Send[0].Message
	alice.Take(alice.Group.Adopt())

	_, err := bob.Group.Handle(mls.Input{Message: commit})
	var missing *mls.MissingPSKError
	if errors.As(err, &missing) {
		fmt.Printf("needs %q\n", missing.IDs[0].PSKID)
	}
	bob.Take(bob.Group.Handle(mls.Input{Message: commit, PSKs: secret}))
	fmt.Println(agree(alice, bob))
	// Output:
	// needs "our password"
	// true
}

// The group moves to another cipher suite, which takes other signature keys: a commit ends it, and a group with the same
// members takes its place.
func ExampleCreate_reInit() {
	people := friends("alice", "bob")
	alice, bob := people[0], people[1]
	const better = ciphersuite.MLS256DHKEMP384AES256GCMSHA384P384

	commit := alice.Take(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.ReInit{
		GroupID: []byte("second"), Version: framing.MLS10, CipherSuite: better,
	}}}, alice.Signer)).Send[0].Message
	alice.Take(alice.Group.Adopt())
	bob.Hear(commit)
	_, err := bob.Group.Protect([]byte("hello?"), mls.ProtectParams{}, bob.Signer)
	fmt.Println(err)

	// Either of them may create the successor. What was announced is taken from the old group.
	lifetime := mls.LifetimeFrom(mlstest.Now(), 90*24*time.Hour)
	old := alice.Group
	alice, bob.LeafParams = newPersonFor(better, "alice"), newPersonFor(better, "bob").LeafParams
	keys, err := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: better, Leaf: bob.LeafParams, Lifetime: lifetime})
	check(err)
	alice.Take(mls.Create(mls.CreateParams{Leaf: alice.LeafParams, Lifetime: lifetime, Successor: old}))
	alice.Take(alice.Group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}, Now: mlstest.Now(),
	}, alice.Signer))
	welcome := alice.Take(alice.Group.Adopt()).Send[0].Message
	old.EraseAll()

	bob.Take(mls.Join(mls.JoinParams{
		Welcome: welcome, KeyPackages: []*mls.OwnKeyPackage{keys}, Successor: bob.Group, Now: mlstest.Now()}))
	fmt.Printf("%s, agree: %v\n", bob.Group.GroupID(), agree(alice, bob))
	// Output:
	// mls: group is inactive: group was reinitialized
	// second, agree: true
}

// Alice and Bob branch a smaller group, which exists beside the first.
func ExampleCreate_branch() {
	people := friends("alice", "bob", "carol")
	alice, bob := people[0], people[1]
	parent := alice.Group

	keys := bob.KeyPackage(mlstest.Panics{})
	alice.Take(mls.Create(mls.CreateParams{
		CipherSuite: exampleSuite, GroupID: []byte("the two of us"), Leaf: alice.LeafParams,
		Lifetime: mls.LifetimeFrom(mlstest.Now(), time.Hour), Successor: parent,
	}))
	alice.Take(alice.Group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}, Now: mlstest.Now(),
	}, alice.Signer))
	welcome := alice.Take(alice.Group.Adopt()).Send[0].Message

	_, err := mls.Join(mls.JoinParams{Welcome: welcome, KeyPackages: []*mls.OwnKeyPackage{keys}, Now: mlstest.Now()})
	fmt.Println(err)
	bob.Take(mls.Join(mls.JoinParams{
		Welcome: welcome, KeyPackages: []*mls.OwnKeyPackage{keys}, Successor: bob.Group, Now: mlstest.Now()}))
	fmt.Println(agree(alice, bob), parent.Status())
	// Output:
	// mls: welcome to a successor group needs the old group
	// true active
}

// database is what Alice stores, in the example of Group.Records. In real life it is one, and each write a transaction.
type database struct {
	records map[string][]byte
	outbox  []mls.Outgoing
	inbox   []mls.Event
	handled string // the id of the message handled last
}

// write stores what follows from a Step, all of it or nothing.
func (d *database) write(step *mls.Step, before *mls.Group, message string) {
	records, err := step.Next.Records(before)
	check(err)
	for _, r := range records {
		if r.Value == nil {
			delete(d.records, r.Key)
		} else {
			d.records[r.Key] = r.Value
		}
	}
	d.outbox = append(d.outbox, step.Send...)
	d.inbox = append(d.inbox, step.Events...)
	if message != "" {
		d.handled = message
	}
}

// load makes the group of what is stored.
func (d *database) load() *mls.Group {
	group, err := mls.Load(mls.LoadParams{Records: func(yield func(mls.Record) bool) {
		for key, value := range d.records {
			if !yield(mls.Record{Key: key, Value: value}) {
				return
			}
		}
	}})
	check(err)
	return group
}

// Alice stores after every step her group, what she has to send, and what she received, in one transaction. Her process
// ends before anything was sent or shown, and she goes on from what is stored.
func ExampleGroup_Records() {
	people := friends("alice", "bob")
	alice, bob := people[0], people[1]
	store := &database{records: map[string][]byte{}}
	store.write(&mls.Step{Next: alice.Group}, nil, "")

	good := bob.Take(bob.Group.Protect([]byte("good morning"), mls.ProtectParams{}, bob.Signer)).Send[0].Message
	step, err := alice.Group.Handle(mls.Input{Message: good, Now: mlstest.Now()})
	check(err)
	store.write(step, alice.Group, "message 1")
	alice.Take(step, nil)
	step, err = alice.Group.Protect([]byte("and to you"), mls.ProtectParams{}, alice.Signer)
	check(err)
	store.write(step, alice.Group, "")

	// The process ends here. Another one begins.
	alice.Group = store.load()
	fmt.Println("handled up to", store.handled)
	for _, e := range store.inbox {
		fmt.Printf("bob: %s\n", e.(*mls.ApplicationMessage).Data)
	}
	store.inbox = nil // now that the application has it
	for _, out := range store.outbox {
		m := bob.Hear(out.Message).Events[0].(*mls.ApplicationMessage)
		fmt.Printf("alice: %s, generation %d\n", m.Data, m.Generation)
	}
	store.outbox = nil // now that the delivery service has it
	step, err = alice.Group.Protect([]byte("see you"), mls.ProtectParams{}, alice.Signer)
	check(err)
	store.write(step, alice.Group, "")
	m := bob.Hear(alice.Take(step, nil).Send[0].Message).Events[0].(*mls.ApplicationMessage)
	fmt.Printf("alice: %s, generation %d\n", m.Data, m.Generation)
	// Output:
	// handled up to message 1
	// bob: good morning
	// alice: and to you, generation 0
	// alice: see you, generation 1
}

// Bob stores the private part of his KeyPackage, so that he can join after a restart.
func ExampleOwnKeyPackage_Marshal() {
	alice, bob := friends("alice")[0], newPerson("bob")
	stored, err := bob.KeyPackage(mlstest.Panics{}).Marshal()
	check(err)

	keys, err := mls.UnmarshalOwnKeyPackage(stored)
	check(err)
	alice.Take(alice.Group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}, Now: mlstest.Now()}, alice.Signer))
	welcome := alice.Take(alice.Group.Adopt()).Send[0].Message
	bob.Take(mls.Join(mls.JoinParams{Welcome: welcome, KeyPackages: []*mls.OwnKeyPackage{keys}, Now: mlstest.Now()}))
	fmt.Println(agree(alice, bob))
	// Output:
	// true
}
