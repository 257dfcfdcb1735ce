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

// fuzzRun is a scene in which something happens.
type fuzzRun struct {
	*testing.T
	*fuzzScene
	honest   []honest // those still in the group
	observer *mls.Observer
	mallory  *mlstest.Insider
	adopted  *mlstest.Insider // mallory when the last message, a commit of its own, is taken
	changed  bool
	trusted  bool           // whether the sender is honest
	split    bool           // by a path that was made for some members only, as MLS cannot prevent
	seen     map[string]int // what happened, for TestFuzzHandleReaches
}

func (run *fuzzRun) begin() {
	run.honest = append([]honest(nil), run.fuzzScene.honest...)
	run.observer = run.fuzzScene.observer
	own := *run.fuzzScene.mallory
	run.mallory = &own
}

// effect is what came of a message for one member.
type effect int

const (
	effectRefused effect = iota
	effectNothing        // an echo
	effectDelivered
	effectStored
	effectAdvanced
	effectExpelled
)

func (f effect) String() string {
	return [...]string{"refused", "nothing", "delivered", "stored", "advanced", "expelled"}[f]
}

func (run *fuzzRun) effectOf(s *mls.Step, err error) effect {
	if err != nil {
		return effectRefused
	}
	require.NotEmpty(run, s.Events)
	switch e := s.Events[0].(type) {
	case *mls.Echo:
		return effectNothing
	case *mls.ApplicationMessage:
		return effectDelivered
	case *mls.ProposalReceived:
		if e.Again {
			return effectNothing
		}
		return effectStored
	case *mls.Removed:
		return effectExpelled
	}
	return effectAdvanced
}

// handle gives the message to one member. An error leaves the Group as it was, and the same message gives the same
// Step each time.
func (run *fuzzRun) handle(h honest, in mls.Input) (*mls.Step, error) {
	start := time.Now()
	before := h.before
	s, err := h.Group.Handle(in)
	require.Less(run, time.Since(start), 5*time.Second)
	before.same(run, whole(run, h.Group), "the receiver is changed")
	if err != nil {
		require.Nil(run, s)
		require.Empty(run, run.leaks.find(err.Error()), "an error shows a secret")
		return nil, err
	}
	if in.Message[len(in.Message)-1]%4 == 0 {
		again := must(h.Group.Handle(in))
		whole(run, s.Next).same(run, whole(run, again.Next), "not deterministic")
	}
	return s, nil
}

// deliver gives the message to everybody. It reports whether it makes sense to go on with another.
func (run *fuzzRun) deliver(message []byte) bool {
	in := mls.Input{Message: message, Now: mlstest.Now(), PSKs: run.psks}
	effects := make([]effect, len(run.honest))
	errs := make([]error, len(run.honest))
	var left []honest
	for k, h := range run.honest {
		s, err := run.handle(h, in)
		effects[k], errs[k] = run.effectOf(s, err), err
		run.seen[effects[k].String()]++
		if err != nil {
			run.seen[ruleOf(err)]++
		}
		switch {
		case err != nil:
			left = append(left, h)
		case effects[k] != effectExpelled:
			run.changed = run.changed || effects[k] != effectNothing
			left = append(left, h.with(run, s.Next))
		}
	}
	run.observe(in, effects)
	run.unanimous(effects, errs)
	moved := false
	for _, f := range effects {
		moved = moved || f == effectAdvanced || f == effectExpelled
	}
	run.honest = left
	if moved {
		run.mallory = run.adopted
		run.together()
	}
	return !run.split && run.mallory != nil && len(run.honest) > 0
}

// unanimous checks that all members came to the same conclusion. Only what is encrypted to some of them alone can make
// a difference: a path secret, which is for some, and a member that is removed, who does not look at secrets.
func (run *fuzzRun) unanimous(effects []effect, errs []error) {
	count := map[effect]int{}
	for _, f := range effects {
		if f != effectNothing {
			count[f]++
		}
	}
	if len(count) <= 1 {
		return
	}
	secrets := []string{"V-CM-06", "V-CM-20"}
	if count[effectAdvanced] == 0 && count[effectExpelled] > 0 {
		secrets = append(secrets, "V-CM-14", "V-CM-19", "V-PR-13")
	}
	for k, err := range errs {
		missing := new(mls.MissingPSKError)
		if err != nil && !slices.Contains(secrets, ruleOf(err)) && !(count[effectAdvanced] == 0 && errors.As(err, &missing)) {
			run.Fatalf("members disagree: %v; member %d says %v", effects, k, err)
		}
	}
	require.Zero(run, count[effectStored]+count[effectDelivered], "%v", effects)
	if count[effectRefused] > 0 {
		run.split = true
		run.seen["split"]++
	}
}

// observe gives the message to the observer, who checks all but tags and secrets.
func (run *fuzzRun) observe(in mls.Input, effects []effect) {
	if run.observer == nil {
		return
	}
	s, err := run.observer.Handle(in)
	took := run.trusted
	for _, f := range effects {
		took = took || f == effectStored || f == effectAdvanced
	}
	switch unseen := new(mls.MissingProposalError); {
	case took && (errors.Is(err, mls.ErrUnexpectedMessage) || errors.As(err, &unseen)):
		run.observer = nil // it cannot follow PrivateMessages
	case took:
		require.NoError(run, err, "members take what the observer refuses")
		run.observer = s.Next
	}
}

// together checks that the members in the new epoch agree, that it can be stored and loaded, and that a newcomer has
// the same view.
func (run *fuzzRun) together() {
	newest := framing.Epoch(0)
	for _, h := range run.honest {
		newest = max(newest, h.Group.Epoch())
	}
	var here []honest
	for _, h := range run.honest {
		if h.Group.Epoch() == newest {
			here = append(here, h)
		}
	}
	run.honest = here
	if len(here) == 0 || run.split && newest == run.fuzzScene.honest[0].Group.Epoch() {
		return
	}
	view := mlstest.ViewOf(run, here[0].Group)
	for _, h := range here[1:] {
		require.Equal(run, view, mlstest.ViewOf(run, h.Group))
	}
	if run.observer != nil {
		require.Equal(run, view.Public, mlstest.ViewOf(run, run.observer).Public, "the observer disagrees")
	}
	here[0].apart(run)
	if here[0].Group.Status() != mls.StatusActive {
		run.honest = nil
		return
	}
	o, err := mls.Observe(mls.ObserveParams{GroupInfo: here[0].with(run, here[0].Group).Info(), Now: mlstest.Now()})
	require.NoError(run, err, "nobody could join")
	require.Equal(run, view.Public, mlstest.ViewOf(run, o.Next).Public)
}

// goOn checks that the remaining members can continue, erasing the old epoch: one commits what waits, the others follow, and
// they can send data.
func (run *fuzzRun) goOn() {
	if len(run.honest) == 0 || run.split {
		return
	}
	first := run.honest[0].apart(run)
	if first.Group.Pending() != nil {
		first.Take(first.Group.Drop())
	}
	params := mls.CommitParams{Now: mlstest.Now(), PSKs: run.psks, ForcePath: true}
	s, err := first.Group.Commit(params, first.Signer)
	if errors.Is(err, mls.ErrOwnRemoval) { // nobody else is there to commit it
		params.References = []framing.ProposalRef{}
		s, err = first.Group.Commit(params, first.Signer)
	}
	var missing *mls.MissingPSKError
	if errors.As(err, &missing) {
		return // somebody has to get the PSK, or to name what to commit
	}
	require.NoError(run, err, "what waits cannot be committed")
	first.Adopt(first.Take(s, nil))
	in := mls.Input{Message: s.Send[0].Message, Now: mlstest.Now(), PSKs: run.psks}
	var left []honest
	for k, h := range run.honest {
		if k == 0 {
			h = first
		} else {
			h = h.apart(run)
			s, err := h.Group.Handle(in)
			require.NoError(run, err, "member %d refuses an honest commit", k)
			h.Take(s, nil)
		}
		if h.Group.Status() == mls.StatusActive {
			left = append(left, h.with(run, h.Group))
		}
	}
	if run.observer != nil {
		s, err := run.observer.Handle(in)
		if errors.Is(err, mls.ErrUnexpectedMessage) {
			run.observer = nil
		} else {
			require.NoError(run, err, "the observer refuses an honest commit")
			run.observer = s.Next
		}
	}
	run.honest = left
	run.together()
	run.talk()
}

// talk lets the first say something to the second.
func (run *fuzzRun) talk() {
	if len(run.honest) < 2 {
		return
	}
	require.Equal(run, "hello", run.honest[1].Read(run.honest[0].Say("hello")))
}
