package mls_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// trial is a scene in which something happens.
type trial struct {
	*testing.T
	*scene
	honest   []honest // those still in the group
	observer *mls.Observer
	mallory  *mlstest.Insider
	adopted  *mlstest.Insider // mallory when the last message, a commit of its own, is taken
	changed  bool
	trusted  bool           // whether the sender is honest
	split    bool           // by a path that was made for some members only, as MLS cannot prevent
	seen     map[string]int // what happened, for TestFuzzHandleReaches
}

func (tr *trial) begin() {
	tr.honest = append([]honest(nil), tr.scene.honest...)
	tr.observer = tr.scene.observer
	own := *tr.scene.mallory
	tr.mallory = &own
}

// fate is what came of a message for one member.
type fate int

const (
	fateRefused fate = iota
	fateNothing      // an echo
	fateDelivered
	fateStored
	fateAdvanced
	fateExpelled
)

func (f fate) String() string {
	return [...]string{"refused", "nothing", "delivered", "stored", "advanced", "expelled"}[f]
}

func (tr *trial) fateOf(s *mls.Step, err error) fate {
	if err != nil {
		return fateRefused
	}
	require.NotEmpty(tr, s.Events)
	switch e := s.Events[0].(type) {
	case *mls.Echo:
		return fateNothing
	case *mls.ApplicationMessage:
		return fateDelivered
	case *mls.ProposalReceived:
		if e.Again {
			return fateNothing
		}
		return fateStored
	case *mls.Removed:
		return fateExpelled
	}
	return fateAdvanced
}

// handle gives the message to one member. An error leaves the Group as it was, and the same message gives the same
// Step each time.
func (tr *trial) handle(h honest, in mls.Input) (*mls.Step, error) {
	start := time.Now()
	before := h.before
	s, err := h.group.Handle(in)
	require.Less(tr, time.Since(start), 5*time.Second)
	sameRecords(tr, before, recordsOf(tr, h.group), "the receiver is changed")
	if err != nil {
		require.Nil(tr, s)
		require.Empty(tr, tr.leaks.find(err.Error()), "an error shows a secret")
		return nil, err
	}
	if in.Message[len(in.Message)-1]%4 == 0 {
		again, err := h.group.Handle(in)
		require.NoError(tr, err)
		sameRecords(tr, recordsOf(tr, s.Next), recordsOf(tr, again.Next), "not deterministic")
	}
	return s, nil
}

// deliver gives the message to everybody. It reports whether it makes sense to go on with another.
func (tr *trial) deliver(message []byte) bool {
	in := mls.Input{Message: message, Now: mlstest.Now(), PSKs: tr.psks}
	fates := make([]fate, len(tr.honest))
	errs := make([]error, len(tr.honest))
	var left []honest
	for k, h := range tr.honest {
		s, err := tr.handle(h, in)
		fates[k], errs[k] = tr.fateOf(s, err), err
		tr.seen[fates[k].String()]++
		if err != nil {
			tr.seen[ruleOf(err)]++
		}
		switch {
		case err != nil:
			left = append(left, h)
		case fates[k] != fateExpelled:
			tr.changed = tr.changed || fates[k] != fateNothing
			left = append(left, h.with(tr, s.Next))
		}
	}
	tr.observe(in, fates)
	tr.unanimous(fates, errs)
	moved := false
	for _, f := range fates {
		moved = moved || f == fateAdvanced || f == fateExpelled
	}
	tr.honest = left
	if moved {
		tr.mallory = tr.adopted
		tr.together()
	}
	return !tr.split && tr.mallory != nil && len(tr.honest) > 0
}

// unanimous checks that all members came to the same conclusion. Only what is encrypted to some of them alone can make
// a difference: a path secret, which is for some, and a member that is removed, who does not look at secrets.
func (tr *trial) unanimous(fates []fate, errs []error) {
	count := map[fate]int{}
	for _, f := range fates {
		if f != fateNothing {
			count[f]++
		}
	}
	if len(count) <= 1 {
		return
	}
	secrets := []string{"V-CM-06", "V-CM-20"}
	if count[fateAdvanced] == 0 && count[fateExpelled] > 0 {
		secrets = append(secrets, "V-CM-14", "V-CM-19", "V-PR-13")
	}
	for k, err := range errs {
		missing := new(mls.MissingPSKError)
		if err != nil && !slices.Contains(secrets, ruleOf(err)) && !(count[fateAdvanced] == 0 && errors.As(err, &missing)) {
			tr.Fatalf("members disagree: %v; member %d says %v", fates, k, err)
		}
	}
	require.Zero(tr, count[fateStored]+count[fateDelivered], "%v", fates)
	if count[fateRefused] > 0 {
		tr.split = true
		tr.seen["split"]++
	}
}

// observe gives the message to the observer, who checks all but tags and secrets.
func (tr *trial) observe(in mls.Input, fates []fate) {
	if tr.observer == nil {
		return
	}
	s, err := tr.observer.Handle(in)
	took := tr.trusted
	for _, f := range fates {
		took = took || f == fateStored || f == fateAdvanced
	}
	switch unseen := new(mls.MissingProposalError); {
	case took && (errors.Is(err, mls.ErrUnexpectedMessage) || errors.As(err, &unseen)):
		tr.observer = nil // it cannot follow PrivateMessages
	case took:
		require.NoError(tr, err, "members take what the observer refuses")
		tr.observer = s.Next
	}
}

// together checks that those who are in the new epoch agree, that it can be stored and loaded, and that somebody who
// comes to it from outside sees the same.
func (tr *trial) together() {
	newest := framing.Epoch(0)
	for _, h := range tr.honest {
		newest = max(newest, h.group.Epoch())
	}
	var here []honest
	for _, h := range tr.honest {
		if h.group.Epoch() == newest {
			here = append(here, h)
		}
	}
	tr.honest = here
	if len(here) == 0 || tr.split && newest == tr.scene.honest[0].group.Epoch() {
		return
	}
	public, secret := digest(tr, here[0].group, nil)
	for _, h := range here[1:] {
		p, s := digest(tr, h.group, nil)
		require.Equal(tr, public, p)
		require.Equal(tr, secret, s)
	}
	if tr.observer != nil {
		p, _ := digest(tr, nil, tr.observer)
		require.Equal(tr, public, p, "the observer disagrees")
	}
	here[0].apart(tr)
	if here[0].group.Status() != mls.StatusActive {
		tr.honest = nil
		return
	}
	info, err := here[0].group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, here[0].signer)
	require.NoError(tr, err)
	o, err := mls.Observe(mls.ObserveParams{GroupInfo: info, Now: mlstest.Now()})
	require.NoError(tr, err, "nobody could join")
	p, _ := digest(tr, nil, o.Next)
	require.Equal(tr, public, p)
}

// goOn checks that those who are left can go on, erasing what they leave behind: one commits what waits, the others
// follow, and they can talk.
func (tr *trial) goOn() {
	if len(tr.honest) == 0 || tr.split {
		return
	}
	first := tr.honest[0].apart(tr)
	if first.group.Pending() != nil {
		s, err := first.group.Drop()
		require.NoError(tr, err)
		first.group = s.Next
	}
	params := mls.CommitParams{Now: mlstest.Now(), PSKs: tr.psks, ForcePath: true}
	s, err := first.group.Commit(params, first.signer)
	if errors.Is(err, mls.ErrOwnRemoval) { // nobody else is there to commit it
		params.References = []framing.ProposalRef{}
		s, err = first.group.Commit(params, first.signer)
	}
	var missing *mls.MissingPSKError
	if errors.As(err, &missing) {
		return // somebody has to get the PSK, or to name what to commit
	}
	require.NoError(tr, err, "what waits cannot be committed")
	message := s.Send[0].Message
	s.Erase()
	s, err = s.Next.Adopt()
	require.NoError(tr, err)
	s.Erase()
	tr.honest[0] = first.with(tr, s.Next)
	in := mls.Input{Message: message, Now: mlstest.Now(), PSKs: tr.psks}
	var left []honest
	for k, h := range tr.honest {
		if k > 0 {
			h = h.apart(tr)
			s, err := h.group.Handle(in)
			require.NoError(tr, err, "member %d refuses an honest commit", k)
			s.Erase()
			h = h.with(tr, s.Next)
		}
		if h.group.Status() == mls.StatusActive {
			left = append(left, h)
		}
	}
	if tr.observer != nil {
		s, err := tr.observer.Handle(in)
		if errors.Is(err, mls.ErrUnexpectedMessage) {
			tr.observer = nil
		} else {
			require.NoError(tr, err, "the observer refuses an honest commit")
			tr.observer = s.Next
		}
	}
	tr.honest = left
	tr.together()
	tr.talk()
}

// talk lets the first say something to the second.
func (tr *trial) talk() {
	if len(tr.honest) < 2 {
		return
	}
	s, err := tr.honest[0].group.Protect([]byte("hello"), mls.ProtectParams{}, tr.honest[0].signer)
	require.NoError(tr, err)
	s, err = tr.honest[1].group.Handle(mls.Input{Message: s.Send[0].Message})
	require.NoError(tr, err)
	require.Equal(tr, "hello", string(s.Events[0].(*mls.ApplicationMessage).Data))
}
