package mls_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/ledger"
	"github.com/copse-mls/copse/mls/mlstest"
)

var rewriteEntries = flag.Bool("rewrite", false, "mark in the ledger which entry points have tests")

// ruleTest tries one rule at one entry point. To add one, put it into the list of its area (rules_*_test.go) and run
// make docs, which takes the question mark from the entry point in the ledger.
//
// Run sets up a group, breaks the rule, and hands what came of it to one of the methods of attempt: refuses, refusesJoin,
// refusesObserving, refusesCall or refusesDecoding. They check that the error is what the ledger promises, that the
// Group is as before, and that the genuine input still works. A rule with nothing to refuse ends with holds.
type ruleTest struct {
	ID, Entry string
	Name      string // when there are several at one entry point
	Run       func(a *attempt)
}

// ruleTests returns every test, by area.
func ruleTests() []ruleTest {
	return slices.Concat(
		wireRules(), sizeRules(), keyPackageRules(), leafRules(), treeRules(), framingRules(), privateRules(), proposalRules(), listRules(), commitRules(),
		welcomeRules(), externalRules(), pskRules(), successorRules(), keyRules(), applicationRules(), extensionRules(),
		credentialRules(), selfRemoveRules(),
	)
}

// atEntries returns tests of a rule that differ in nothing but the entry point.
func atEntries(id, name string, entries []string, run func(*attempt, string)) (out []ruleTest) {
	for _, entry := range entries {
		out = append(out, ruleTest{id, entry, name, func(a *attempt) { run(a, entry) }})
	}
	return out
}

// attempt is a running ruleTest.
type attempt struct {
	*testing.T
	rule *ledger.Rule
	done bool  // whether something was checked
	err  error // the latest that was as expected
}

// TestRule tries every rule at every entry point: TestRule/V-LN-05/update.
func TestRule(t *testing.T) {
	l := must(ledger.Read())
	at := map[[2]string][]ruleTest{}
	for _, test := range ruleTests() {
		key := [2]string{test.ID, test.Entry}
		at[key] = append(at[key], test)
	}
	for rule := range l.All() {
		if !slices.ContainsFunc(rule.Entries, func(e ledger.Entry) bool { return at[[2]string{rule.ID, e.Name}] != nil }) {
			continue
		}
		t.Run(rule.ID, func(t *testing.T) {
			for _, entry := range rule.Entries {
				if tests := at[[2]string{rule.ID, entry.Name}]; tests != nil {
					t.Run(entry.Name, func(t *testing.T) { runAtEntry(t, rule, tests) })
				}
			}
		})
	}
}

func runAtEntry(t *testing.T, rule *ledger.Rule, tests []ruleTest) {
	for _, test := range tests {
		run := func(t *testing.T) {
			a := &attempt{T: t, rule: rule}
			defer missed(t)
			test.Run(a)
			require.True(t, a.done, "the test checked nothing")
		}
		if test.Name == "" {
			run(t)
		} else {
			t.Run(test.Name, run)
		}
	}
}

// TestRuleEntries checks that the ledger knows of every test, and that every rule and every entry point has one.
func TestRuleEntries(t *testing.T) {
	l := must(ledger.Read())
	tested := map[string]bool{}
	for _, test := range ruleTests() {
		rule, ok := l.Rule(test.ID)
		require.True(t, ok, "there is no rule %s", test.ID)
		require.True(t, slices.ContainsFunc(rule.Entries, func(e ledger.Entry) bool { return e.Name == test.Entry }),
			"the ledger has no entry point %s at %s", test.Entry, test.ID)
		tested[test.ID+" "+test.Entry] = true
	}
	if *rewriteEntries {
		markEntries(t, tested)
		return
	}
	rules, entries := 0, 0
	for rule := range l.All() {
		rules++
		for _, e := range rule.Entries {
			if e.Tested != tested[rule.ID+" "+e.Name] {
				t.Errorf("%s: entry point %s is tested: %v; the ledger says %v (make docs)", rule.ID, e.Name, !e.Tested, e.Tested)
			}
			if !e.Tested {
				t.Errorf("%s: nothing tries entry point %s", rule.ID, e.Name)
			}
			entries++
		}
		if len(rule.TestNames()) == 0 {
			t.Errorf("%s has no test", rule.ID)
		}
		if rule.Missing != "" {
			t.Logf("%s is not enforced in full: %s", rule.ID, rule.Missing)
		}
	}
	t.Logf("%d rules, %d entry points", rules, entries)
}

// markEntries writes into the ledger's text which entry points have tests.
func markEntries(t *testing.T, tested map[string]bool) {
	files := must(filepath.Glob(filepath.Join("ledger", "rules", "*.txt")))
	for _, name := range files {
		text := must(os.ReadFile(name))
		lines := strings.Split(string(text), "\n")
		id := ""
		for i, line := range lines {
			if strings.HasPrefix(line, "V-") {
				id, _, _ = strings.Cut(line, " ")
			}
			entries, ok := strings.CutPrefix(line, "  entries  ")
			if !ok {
				continue
			}
			words := strings.Fields(entries)
			for k, word := range words {
				words[k] = strings.TrimSuffix(word, "?")
				if !tested[id+" "+words[k]] {
					words[k] += "?"
				}
			}
			lines[i] = "  entries  " + strings.Join(words, " ")
		}
		require.NoError(t, os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o644))
	}
}

// gives checks that an error is what the ledger promises for the rule.
func (a *attempt) gives(err error) {
	a.Helper()
	a.done, a.err = true, err
	require.Error(a, err, "%s: it was accepted", a.rule.ID)
	require.True(a, slices.ContainsFunc(a.rule.Gives, func(name string) bool { return isError(err, name) }),
		"%s gives %v: %v", a.rule.ID, a.rule.Gives, err)
	var broken *mls.RuleError
	if errors.As(err, &broken) {
		require.Equal(a, 1, strings.Count(err.Error(), "rule "+broken.Rule), "it names its rule once: %v", err)
	}
	silent(a, err, secretsPresent(a.T)...)
}

// names checks which leaf the latest error names.
func (a *attempt) names(leaf framing.LeafIndex) {
	a.Helper()
	var broken *mls.RuleError
	require.ErrorAs(a, a.err, &broken)
	require.Equal(a, leaf, broken.Leaf, "%v", a.err)
}

// isError reports whether err is what a name in the ledger stands for.
func isError(err error, name string) bool {
	if strings.HasPrefix(name, "V-") {
		var broken *mls.RuleError
		return errors.As(err, &broken) && ledger.Matches(name, broken.Rule)
	}
	switch name {
	case "SyntaxError":
		var syntax *mls.SyntaxError
		return errors.As(err, &syntax)
	case "MissingPSKError":
		var missing *mls.MissingPSKError
		return errors.As(err, &missing)
	case "MissingProposalError":
		var missing *mls.MissingProposalError
		return errors.As(err, &missing)
	}
	sentinel, ok := map[string]error{
		"ErrWrongGroup": mls.ErrWrongGroup, "ErrOldEpoch": mls.ErrOldEpoch, "ErrFutureEpoch": mls.ErrFutureEpoch,
		"ErrReplay": mls.ErrReplay, "ErrOwnMessage": mls.ErrOwnMessage, "ErrOwnCommit": mls.ErrOwnCommit, "ErrUnexpectedMessage": mls.ErrUnexpectedMessage,
		"ErrUsedKeyPackage": mls.ErrUsedKeyPackage,
		"ErrNotPending":     mls.ErrNotPending, "ErrPendingProposals": mls.ErrPendingProposals, "ErrInactive": mls.ErrInactive,
		"ErrSigner": mls.ErrSigner, "ErrErased": mls.ErrErased, "ErrNoTime": mls.ErrNoTime, "ErrNoTree": mls.ErrNoTree,
		"ErrSuccessor": mls.ErrSuccessor, "ErrOpen": ciphersuite.ErrOpen, "ErrPublicKey": ciphersuite.ErrPublicKey,
		"ErrUnsupported": ciphersuite.ErrUnsupported, "ErrEntropy": ciphersuite.ErrEntropy,
		"ErrGenerationTooFar": keyschedule.ErrGenerationTooFar, "ErrRatchetExhausted": keyschedule.ErrRatchetExhausted,
		"ErrUsageLimit": keyschedule.ErrUsageLimit, "ErrExportLength": keyschedule.ErrExportLength,
	}[name]
	return ok && errors.Is(err, sentinel)
}

// holds says that the rule was seen to hold where there is nothing to refuse.
func (a *attempt) holds(is bool, format string, args ...any) {
	a.Helper()
	a.done = true
	require.True(a, is, append([]any{a.rule.ID + ": " + format}, args...)...)
}

// input returns a message that arrives while lifetimes are valid.
func input(message []byte) mls.Input { return mls.Input{Message: message, Now: mlstest.Now()} }

// refuses hands bad input to g, twice, which stays as it is, and then the genuine one, which takes effect.
func (a *attempt) refuses(g *mls.Group, bad, genuine mls.Input) *mls.Step {
	a.Helper()
	before := whole(a, g)
	s, err := g.Handle(bad)
	require.Nil(a, s)
	a.gives(err)
	_, again := g.Handle(bad)
	require.EqualError(a, again, err.Error(), "%s: it is final", a.rule.ID)
	require.Equal(a, before, whole(a, g), "%s: the group is changed", a.rule.ID)
	s, good := g.Handle(genuine)
	require.NoError(a, good, "%s: the genuine message", a.rule.ID)
	silent(a, err, append(mls.SecretsOf(g), mls.SecretsOf(s.Next)...)...)
	return s
}

// refusesMessage does what refuses does, for messages that come without anything else.
func (a *attempt) refusesMessage(g *mls.Group, bad, genuine []byte) *mls.Step {
	a.Helper()
	return a.refuses(g, input(bad), input(genuine))
}

// refusesJoin hands a bad Welcome to a client, whose KeyPackage stays good, and then the genuine one.
func (a *attempt) refusesJoin(bad, genuine mls.JoinParams) *mls.Step {
	a.Helper()
	s, err := mls.Join(bad)
	require.Nil(a, s)
	a.gives(err)
	s, good := mls.Join(genuine)
	require.NoError(a, good, "%s: the genuine Welcome", a.rule.ID)
	silent(a, err, slices.Concat(mls.SecretsOf(s.Next), secretsIn(a, bad), secretsIn(a, genuine))...)
	return s
}

// secretsIn returns the secrets in a Welcome, and the PSKs for it.
func secretsIn(a *attempt, j mls.JoinParams) (out []ciphersuite.Secret) {
	for _, psk := range j.PSKs {
		out = append(out, psk.Secret)
	}
	var m framing.Message
	_ = framing.Unmarshal(j.Welcome, &m) // without a body there is nothing to find
	welcome, ok := m.Body.(*framing.Welcome)
	if !ok {
		return out
	}
	for _, k := range j.KeyPackages {
		suite := mlstest.Suite(a, k.KeyPackage.CipherSuite)
		ref := must(k.KeyPackage.Ref(suite))
		key := ciphersuite.KeyPair{Public: k.KeyPackage.InitKey, Private: k.InitKey}
		if secrets, err := welcome.DecryptGroupSecrets(suite, ref, key); err == nil {
			out = append(out, secrets.JoinerSecret, secrets.PathSecret)
		}
	}
	return out
}

// refusesObserving hands a bad GroupInfo to an external joiner and to an observer, and then the genuine one. tree goes
// beside the bad one.
func (a *attempt) refusesObserving(c *mlstest.Party, bad, tree, genuine []byte) {
	a.Helper()
	for _, open := range []func(info, tree []byte) error{
		func(info, tree []byte) error {
			_, err := mls.JoinExternal(mls.JoinExternalParams{GroupInfo: info, RatchetTree: tree, Leaf: c.LeafParams, Now: mlstest.Now(),
				Params: c.Params})
			return err
		},
		func(info, tree []byte) error {
			return failure(mls.Observe(mls.ObserveParams{GroupInfo: info, RatchetTree: tree, Now: mlstest.Now(), Params: c.Params}))
		},
	} {
		a.gives(open(bad, tree))
		require.NoError(a, open(genuine, nil), "%s: the genuine GroupInfo", a.rule.ID)
	}
}

// refusesCall makes a call of the member's own that has to fail and to leave g as it is.
func (a *attempt) refusesCall(g *mls.Group, call func() error) {
	a.Helper()
	before := whole(a, g)
	err := call()
	a.gives(err)
	silent(a, err, mls.SecretsOf(g)...)
	require.Equal(a, before, whole(a, g), "%s: the group is changed", a.rule.ID)
}

// refusesDecoding decodes bad bytes as v, and then genuine ones.
func (a *attempt) refusesDecoding(v framing.Value, bad, genuine []byte) {
	a.Helper()
	a.gives(framing.Unmarshal(bad, v))
	require.NoError(a, framing.Unmarshal(genuine, v), "%s: the genuine bytes", a.rule.ID)
}

// judged finds who is to be judged at a moment.
func judged(list []mls.Claim, m mls.Moment) (names []string) {
	for _, j := range list {
		if j.Moment == m {
			names = append(names, string(j.Credential.Identity))
		}
	}
	return names
}

// asks checks that names, and nobody else, are to be judged at a moment.
func (a *attempt) asks(list []mls.Claim, m mls.Moment, names ...string) {
	a.Helper()
	a.done = true
	require.Equal(a, names, judged(list, m), "%s: judgements at %v", a.rule.ID, m)
}
