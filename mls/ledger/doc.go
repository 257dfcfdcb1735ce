// Package ledger is the list of the rules that Copse holds every input to: what each says, which function enforces it,
// which error comes out, what to do then, and which tests prove it. Read answers the list; Ledger.Rule finds the rule
// that a mls.RuleError names.
//
// The list itself is text, in the folder rules, one file for each area. A block is one rule:
//
//	V-LN-05  §7.2  negative  drop report
//	  A leaf's capabilities list the type of its own credential.
//	  where  treekem.(*LeafRules).Check
//	  doors  value update? tree
//	  tests  treekem.TestLeafRules
//
// Its first line has the rule's ID, the sections of RFC 9420, its Kind, and the Actions to take when it fires. Then comes
// what it says, and after that fields of which each may be absent:
//
//	where    the functions that enforce it, by package, receiver and name
//	gives    which errors come out, when it is not a RuleError of this ID alone; V-LN-* stands for any rule of an area
//	doors    the ways in which the object gets in, each tested by TestRule/ID/door of package mls; "?" marks those
//	         without a test so far
//	tests    other tests that show it
//	note     what else to know
//	missing  what is not enforced
//
// Lines that begin with four spaces or more continue the line before. The file history.txt lists bugs of other
// implementations in the same way, with the rules and tests that keep them out, or under "why" the reason that they
// cannot happen.
//
// Tests keep the list in step with the source: every function and test that it names is there, and every rule that the
// source names is here. See docs/validation.md for the list as a table.
package ledger
