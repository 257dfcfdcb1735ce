// Package ledger lists the rules of validation that Copse holds its input to. Call Read for the list and Ledger.Rule for
// the rule that an mls.RuleError names:
//
//	var broken *mls.RuleError
//	if errors.As(err, &broken) {
//		rule, ok := rules.Rule(broken.Rule) // what it says, and in rule.Do what to do now
//	}
//
// The list itself is text, in the folder rules, one file for each area. A block is one rule:
//
//	V-LN-05  §7.2  negative  drop report
//	  A leaf's capabilities list the type of its own credential.
//	  where  treekem.(*LeafRules).Check
//	  entries  value update? tree
//	  tests  treekem.TestLeafRules
//
// Its first line has the rule's ID, the sections of RFC 9420, its Kind, and the Actions to take when it fires. What it says
// follows, then these fields, each of which may be absent:
//
//	where    the functions that enforce it, by package, receiver and name
//	gives    which errors come out, when it is not a RuleError of this ID alone; V-LN-* stands for any rule of an area
//	entries  the entry points by which an object that breaks it can reach the engine (see EntryMeaning), each tested by
//	         TestRule/ID/ENTRY of package mls; "?" marks those without a test
//	tests    other tests that show it
//	note     what else to know
//	missing  what is not enforced
//
// Lines that begin with four spaces or more continue the line before. The file history.txt lists bugs of other
// implementations in the same way, with the rules and tests that keep them out, or under "why" the reason that they
// cannot happen.
//
// Tests keep the list in step with the source: every function and test that it names exists, and every rule that the
// source names is in the list. See docs/validation.md for the list as a table.
package ledger
