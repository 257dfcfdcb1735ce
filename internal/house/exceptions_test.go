package house

// exception names a rule and what is excused from it.
type exception struct{ rule, subject string }

// exceptions gives the reason for each. TestRules fails when one is no longer needed.
func exceptions() map[exception]string {
	return map[exception]string{
		{"goroutine by WaitGroup", "internal/parallel/parallel.go"}: "the one place in the engine that starts goroutines",
		{"package variable", "mls/internal/inside.hooks"}:           "set once while a program is initialized, so that what tests need of a Group is not in the documentation of mls",
		{"parameters", "mls/mlstest.SignLeaf"}:                      "tests vary each of what a leaf's signature depends on, one at a time; the test itself is the sixth",
	}
}
